"""/proc/sys/kernel/hung_task_detect_count (Documentation/admin-guide/sysctl/kernel.rst of the kernel), since Linux 6.13."""

from __future__ import annotations

from paramedic_collector.exposition import Exposition, Family, counter
from paramedic_collector.source import Context, Source

_TOTAL = counter(
    "node_kernel_hung_tasks_total", "Total number of tasks that have been detected as hung since the system booted."
)
_ALIAS = Family(
    "node_kernel_hung_tasks",
    "gauge",
    "The same, under the name that the dashboard Node Exporter Full asks for.",
    like="ours",
)


class KernelHung(Source):
    """Tasks that the kernel found hung."""

    name = "kernel_hung"
    families = (_TOTAL, _ALIAS)

    def collect(self, context: Context, out: Exposition) -> None:
        count = self.files.number(context.paths.proc("sys/kernel/hung_task_detect_count"))
        if count is not None:
            out.add(_TOTAL, count)
            out.add(_ALIAS, count)
