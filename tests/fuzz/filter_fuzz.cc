// Any bytes as a filter: no crash, errors with a text, and terms that hold something.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/base/status.h"
#include "common/filter/filter.h"

namespace {

using crossmill::filter::Field;

void Expect(bool holds) {
  if (!holds) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto filter =
      crossmill::filter::ParseFilter({reinterpret_cast<const char*>(data), size}, 1'795'780'800'000'000'000);
  if (!filter.ok()) {
    Expect(crossmill::Sv(filter.status().message()).starts_with("filter: "));
    return 0;
  }
  for (const crossmill::filter::Term& term : filter->terms) {
    const bool timed = term.field == Field::kTime || term.field == Field::kDuration;
    Expect(timed == (term.texts.empty() && term.numbers.empty()));
    for (const std::string& text : term.texts) {
      Expect(!text.empty());
      Expect(text.find_first_of("\t\n\r") == std::string::npos);
    }
  }
  return 0;
}
