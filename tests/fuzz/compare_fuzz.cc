// Any two contents: the comparer ends, within its limits, and each difference gets a cause or follows from
// another. The bytes are divided at the middle; a first byte of 'p' reads them as a compiled Python file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/compare/classifier.h"
#include "common/compare/file_comparison.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace crossmill::compare;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  StringContent first(std::string(bytes.substr(0, bytes.size() / 2)));
  StringContent second(std::string(bytes.substr(bytes.size() / 2)));
  CompareLimits limits;
  limits.bytes = 4 << 20;
  limits.member_bytes = 1 << 20;
  limits.members = 1000;
  DifferingParts parts;
  auto file = CompareContents(data[0] == 'p' ? "a.pyc" : "a", first, second, limits, {}, &parts);
  if (!file.ok()) std::abort();
  if (static_cast<size_t>(file->differences_size()) > limits.differences) std::abort();
  const ExecutionFacts ours{.worker = "w1",
                            .host_name = "a-host",
                            .machine_name = "m1",
                            .kernel = "6.1",
                            .cpu_model = "A",
                            .processors = "2",
                            .time_zone = "usual",
                            .locale = "usual",
                            .variable = "usual",
                            .search_path = "usual",
                            .process_ids = "usual",
                            .begin = 1795791845000000000,
                            .end = 1795791846000000000};
  const ExecutionFacts theirs{.worker = "w2",
                              .host_name = "another",
                              .machine_name = "m2",
                              .kernel = "6.2",
                              .cpu_model = "B",
                              .processors = "3",
                              .time_zone = "TZ=<+14>-14",
                              .locale = "LANG=C.UTF-8",
                              .variable = "CROSSMILL_VARIATION=1",
                              .search_path = "PATH=...:/nonexistent/crossmill-1",
                              .process_ids = "after 1003",
                              .begin = 1795881845000000000,
                              .end = 1795881846000000000};
  Classifier(ours, theirs, {}).Classify(parts, &*file);
  for (const auto& difference : file->differences()) {
    if (!difference.derived() && difference.cause().class_().empty()) std::abort();
  }
  return 0;
}
