/* A stand-in for NVIDIA's libnvidia-ml.so.1, with as much of NVML as the collector asks for. The environment says what it shows:
   STUB_GPUS  how many GPUs            STUB_LOST  the index of one that is lost
   STUB_MIG   index of one with MIG    STUB_OLD   1: a card without most counters
   STUB_XID   INDEX:XID, told once     STUB_PROCS INDEX:PID:MIB:PERCENT[,…]; with MIG the INDEX is 100 + GPU instance
   STUB_INIT  the code that nvmlInit gives
   Layouts and codes are those of the NVML API reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, TOO_SMALL = 7, TIMEOUT = 10, LOST = 15 };
struct device { int gpu; int instance; };
static struct device whole[8] = {{0, -1}, {1, -1}, {2, -1}, {3, -1}, {4, -1}, {5, -1}, {6, -1}, {7, -1}};
static struct device parts[2] = {{0, 1}, {0, 2}};

static int number(const char *name, int otherwise) {
    const char *text = getenv(name);
    return text && *text ? atoi(text) : otherwise;
}
static int lost(struct device *d) { return d->gpu == number("STUB_LOST", -1); }
static int old(void) { return number("STUB_OLD", 0); }

#define GIVE(target, value) do { if (lost(d)) return LOST; *(target) = (value); return OK; } while (0)
#define WHOLE_ONLY do { if (d->instance >= 0 || old()) return NOT_SUPPORTED; } while (0)

int nvmlInit_v2(void) { return number("STUB_INIT", OK); }
int nvmlInitWithFlags(unsigned flags) { (void)flags; return nvmlInit_v2(); }
int nvmlShutdown(void) { return OK; }
int nvmlSystemGetDriverVersion(char *v, unsigned n) { snprintf(v, n, "550.54.15"); return OK; }
const char *nvmlErrorString(int code) { return code == LOST ? "GPU is lost" : "stub error"; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = number("STUB_GPUS", 1); return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, struct device **d) {
    *d = &whole[i];
    return number("STUB_LOST_AT_START", -1) == (int)i ? LOST : OK;
}
int nvmlDeviceGetMinorNumber(struct device *d, unsigned *n) { GIVE(n, (unsigned)d->gpu); }
int nvmlDeviceGetUUID(struct device *d, char *v, unsigned n) { snprintf(v, n, "GPU-%08d", d->gpu); return OK; }
int nvmlDeviceGetName(struct device *d, char *v, unsigned n) { (void)d; snprintf(v, n, "NVIDIA Stub 100"); return OK; }

struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
int nvmlDeviceGetPciInfo_v3(struct device *d, struct pci *p) {
    memset(p, 0, sizeof *p);
    snprintf(p->bus_id, sizeof p->bus_id, "00000000:%02X:00.0", 0x65 + d->gpu);
    return OK;
}
int nvmlDeviceGetClockInfo(struct device *d, int kind, unsigned *v) { WHOLE_ONLY; GIVE(v, kind == 1 ? 1410u : 1215u); }
int nvmlDeviceGetTemperature(struct device *d, int sensor, unsigned *v) { (void)sensor; if (d->instance >= 0) return NOT_SUPPORTED; GIVE(v, 40u + d->gpu); }
int nvmlDeviceGetPowerUsage(struct device *d, unsigned *v) { WHOLE_ONLY; GIVE(v, 55500u); }
int nvmlDeviceGetTotalEnergyConsumption(struct device *d, unsigned long long *v) { WHOLE_ONLY; GIVE(v, 123456789ull); }
int nvmlDeviceGetPcieReplayCounter(struct device *d, unsigned *v) { WHOLE_ONLY; GIVE(v, 3u); }
struct use { unsigned gpu, memory; };
int nvmlDeviceGetUtilizationRates(struct device *d, struct use *v) { WHOLE_ONLY; struct use now = {87, 31}; GIVE(v, now); }
int nvmlDeviceGetEncoderUtilization(struct device *d, unsigned *v, unsigned *period) { WHOLE_ONLY; *period = 1; GIVE(v, 5u); }
int nvmlDeviceGetDecoderUtilization(struct device *d, unsigned *v, unsigned *period) { WHOLE_ONLY; *period = 1; GIVE(v, 6u); }
int nvmlDeviceGetRemappedRows(struct device *d, unsigned *c, unsigned *u, unsigned *pending, unsigned *failure) {
    WHOLE_ONLY;
    *u = 2; *pending = 0; *failure = 1;
    GIVE(c, 4u);
}
struct memory { unsigned version; unsigned long long total, reserved, available, used; };
int nvmlDeviceGetMemoryInfo_v2(struct device *d, struct memory *m) {
    unsigned long long mib = 1 << 20, total = d->instance >= 0 ? 4864 : 40960;
    struct memory now = {m->version, total * mib, 512 * mib, (total - 1536) * mib, 1024 * mib};
    GIVE(m, now);
}
struct field { unsigned id, scope; long long at, latency; unsigned kind; int code; union { double d; unsigned u; } value; };
int nvmlDeviceGetFieldValues(struct device *d, int count, struct field *f) {
    WHOLE_ONLY;
    for (int i = 0; i < count; i++) { f[i].code = f[i].id == 82 ? OK : NOT_SUPPORTED; f[i].value.u = 61; }
    return lost(d) ? LOST : OK;
}

/* MIG */
int nvmlDeviceGetMigMode(struct device *d, unsigned *now, unsigned *pending) {
    if (old()) return NOT_SUPPORTED;
    *pending = 0;
    GIVE(now, (unsigned)(d->gpu == number("STUB_MIG", -1)));
}
int nvmlDeviceGetMaxMigDeviceCount(struct device *d, unsigned *n) { GIVE(n, 7u); }
int nvmlDeviceGetMigDeviceHandleByIndex(struct device *d, unsigned i, struct device **part) {
    if (i >= 2) return NOT_FOUND;
    parts[i].gpu = d->gpu;
    GIVE(part, &parts[i]);
}
int nvmlDeviceGetGpuInstanceId(struct device *d, unsigned *v) { GIVE(v, (unsigned)d->instance); }
struct attributes { unsigned sm, copy, dec, enc, jpeg, ofa, gpu_slices, compute_slices; unsigned long long mib; };
int nvmlDeviceGetAttributes_v2(struct device *d, struct attributes *a) {
    struct attributes now = {14, 1, 0, 0, 0, 0, 1, 1, 4864};
    GIVE(a, now);
}

/* Processes: each pid is told as a compute process, and as a graphics process too, as some are. */
struct process { unsigned pid; unsigned long long used; unsigned instance, compute; };
static int each(struct device *d, int which, int *pid, int *mib, int *percent) {
    const char *at = getenv("STUB_PROCS");
    int index, seen = 0;
    for (; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : "")
        if (sscanf(at, "%d:%d:%d:%d", &index, pid, mib, percent) == 4)
            if (index == (d->instance >= 0 ? 100 + d->instance : d->gpu) && seen++ == which) return 1;
    return 0;
}
static int running(struct device *d, unsigned *count, struct process *p) {
    int pid, mib, percent;
    unsigned n = 0;
    if (lost(d)) return LOST;
    while (each(d, n, &pid, &mib, &percent)) {
        if (n < *count && p) { p[n].pid = pid; p[n].used = (unsigned long long)mib << 20; }
        n++;
    }
    int small = n > *count;
    *count = n;
    return small ? TOO_SMALL : OK;
}
int nvmlDeviceGetComputeRunningProcesses_v3(struct device *d, unsigned *n, struct process *p) { return running(d, n, p); }
int nvmlDeviceGetGraphicsRunningProcesses_v3(struct device *d, unsigned *n, struct process *p) { return running(d, n, p); }
struct sample { unsigned pid; unsigned long long at; unsigned sm, memory, enc, dec; };
int nvmlDeviceGetProcessUtilization(struct device *d, struct sample *s, unsigned *count, unsigned long long since) {
    int pid, mib, percent;
    unsigned n = 0;
    if (old()) return NOT_SUPPORTED;
    if (lost(d)) return LOST;
    /* Two samples a process and call, around its mean, newer than what was seen. */
    while (each(d, n / 2, &pid, &mib, &percent)) {
        if (n < *count && s) { s[n].pid = pid; s[n].at = since + 1 + n; s[n].sm = percent + (n % 2 ? 10 : -10); }
        n++;
    }
    if (!n) return NOT_FOUND;
    int small = n > *count;
    *count = n;
    return small ? TOO_SMALL : OK;
}

/* Events */
struct event { struct device *device; unsigned long long kind, data; unsigned instance, compute; };
static int told;
int nvmlEventSetCreate(void **set) { *set = &told; return OK; }
int nvmlEventSetFree(void *set) { (void)set; return OK; }
int nvmlDeviceRegisterEvents(struct device *d, unsigned long long kinds, void *set) { (void)d; (void)kinds; (void)set; return old() ? NOT_SUPPORTED : OK; }
int nvmlEventSetWait_v2(void *set, struct event *e, unsigned ms) {
    int gpu, xid;
    const char *text = getenv("STUB_XID");
    (void)set; (void)ms;
    if (told || !text || sscanf(text, "%d:%d", &gpu, &xid) != 2) return TIMEOUT;
    told = 1;
    e->device = &whole[gpu]; e->kind = 8; e->data = xid;
    return OK;
}
