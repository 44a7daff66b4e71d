"""What of node_exporter is different here, or not done, and why: a part of docs/reference/metrics.md."""

from __future__ import annotations

NODE = """## The node: different from node_exporter 1.12, or not done

Compared over its own recorded /proc and /sys (tests/collector/test_fixtures.py) and side by side on one machine
(`bench/node_families.py`): every family above is the same in name, type, labels and value but these.

| what | why |
|---|---|
| `node_scrape_collector_success` | one series for each source here. Where there is nothing to tell of (no sensors, no RAID, no bonds) it is 1 here and 0 there: a machine without RAID is not a failure |
| `node_network_address_info` | on here, off there (`collector.netdev.address_info`); only where /proc is our own |
| `node_kernel_hung_tasks` | ours: Node Exporter Full asks for `node_kernel_hung_tasks_total` under this name |
| `node_filesystem_*{device_error}` | a mount that hangs is given up after 1 s (there after 5 s), and looked at again when it answers |
| netclass: flags, addresses, link mode, queue length, … | read once a minute, or at once when operstate or carrier change; all else at each scrape |
| textfile | a series that two files give, or that is there twice, costs the second file; there the whole scrape. No labels are added to make a family's alike, no `_sum` and `_count` that the file lacks |
| `node_cpu_frequency_hertz` with `package` and `core` | not with `collector.cpu.info`: cpufreq has a family of that name with the label `cpu` alone |
| udp_queues, processes, arp | read from /proc here, by netlink there where it has the choice; the numbers are the same |
| bcache, bcachefs, btrfs, drbd, infiniband, fibrechannel, ipvs, nfs, nfsd, tapestats, xfs, zfs, dmmultipath | not done: hardware and file systems that we could not test against; zfs alone has 278 families |
| buddyinfo, cgroups, cpu_vulnerabilities, ethtool, ksmd, lnstat, logind, meminfo_numa, mountstats, network_route, ntp, pcidevice, perf, qdisc, runit, slabinfo, softirqs, supervisord, swap, sysctl, wifi, xfrm, zoneinfo | not done: off there too unless asked for, and not asked for by Node Exporter Full |
| `node_exporter_build_info`, `promhttp_*`, `go_*`, `process_network_*` | of that program itself and of Go's library: 44 series that say nothing of the host. In their stead `paramedic_collector_*` |
"""
