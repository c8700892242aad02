/* A driver of graphics cards that has no card: memory is this process's, threads run one after the other.

It stands for libcuda.so.1 in a test of vivocart.engine.nvidia. Code that it is asked to load it leaves aside, and takes
the functions thread_of_... from the shared object that PRETEND_CODE names, which was made from the same module. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int (*any)(void);
typedef void (*thread)(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t);

static const int64_t MEMORY = 1 << 28;
static int64_t held = 0; /* pieces of memory that were not given back */

int cuInit(unsigned flags) { return flags ? 1 : 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = getenv("PRETEND_NO_CARD") ? 0 : 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 7; return ordinal ? 101 : 0; }
int cuDeviceGetName(char *name, int length, int device) { return snprintf(name, length, "Pretender %d", device) < 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  const char *old = getenv("PRETEND_OLD");
  if (device != 7) return 101;
  if (attribute == 75) *value = old ? 6 : 9;      /* compute capability, major */
  else if (attribute == 76) *value = old ? 1 : 0; /* and minor */
  else if (attribute == 16) *value = 1;           /* multiprocessors */
  else return 1;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &held; return device == 7 ? 0 : 101; }
int cuCtxSetCurrent(void *context) { return context == &held ? 0 : 201; }
int cuCtxSynchronize(void) { return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = *total = MEMORY; return 0; }
int cuMemAlloc_v2(uint64_t *address, size_t size) {
  if (size == 0) return 1;
  *address = (uint64_t)aligned_alloc(256, (size + 255) / 256 * 256);
  memset((void *)*address, 0xA5, size);
  held++;
  return 0;
}
int cuMemFree_v2(uint64_t address) {
  free((void *)address);
  if (--held == 0) fprintf(stderr, "all memory was given back\n");
  return 0;
}
int cuMemsetD8_v2(uint64_t address, unsigned char value, size_t size) { memset((void *)address, value, size); return 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) { memcpy((void *)to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) { memcpy(to, (void *)from, size); return 0; }
int cuModuleLoadData(void **module, const void *image) {
  if (!strstr(image, ".entry all_run_block")) return 200;
  *module = dlopen(getenv("PRETEND_CODE"), RTLD_NOW);
  if (!*module) fprintf(stderr, "%s\n", dlerror());
  return *module ? 0 : 209;
}
int cuModuleGetFunction(void **function, void *module, const char *name) {
  char own[64];
  snprintf(own, sizeof own, "thread_of_%s", name + strlen("all_"));
  *function = dlsym(module, own);
  return *function ? 0 : 500;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **given, void **extra) {
  if (gy * gz * by * bz != 1 || shared || stream || extra) return 1;
  for (int64_t t = 0; t < (int64_t)gx * bx; t++)
    ((thread)function)(*(int64_t *)given[0], *(int64_t *)given[1], *(int64_t *)given[2], *(int64_t *)given[3],
                       *(int64_t *)given[4], t);
  return 0;
}
int cuGetProcAddress_v2(const char *symbol, void **found, int version, uint64_t flags, int *status) {
  char later[96];
  (void)version, (void)flags;
  snprintf(later, sizeof later, "%s_v2", symbol);
  *found = dlsym(RTLD_DEFAULT, later);
  void *self = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
  if (self) {
    *found = dlsym(self, later);
    if (!*found) *found = dlsym(self, symbol);
  }
  if (status) *status = *found ? 0 : 1;
  return *found ? 0 : 500;
}
int cuGetProcAddress(const char *symbol, void **found, int version, uint64_t flags) {
  return cuGetProcAddress_v2(symbol, found, version, flags, NULL);
}
