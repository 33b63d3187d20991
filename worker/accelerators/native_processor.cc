#include "worker/accelerators/native_processor.h"

namespace crossmill::worker {
namespace {

bool HasFeature(const std::string& feature) {
#if defined(__x86_64__)
  if (feature == "fma") return __builtin_cpu_supports("fma") != 0;
  if (feature == "avx2") return __builtin_cpu_supports("avx2") != 0;
#endif
  return false;
}

}  // namespace

std::string MissingFeature(const std::vector<std::string>& features) {
  for (const std::string& feature : features) {
    if (!HasFeature(feature)) return feature;
  }
  return "";
}

}  // namespace crossmill::worker
