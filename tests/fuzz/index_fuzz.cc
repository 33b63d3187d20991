// Any bytes as an index page in both forms: no crash, only http and https, what is written is read again, and
// a choice from it comes with its reasons.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/wheels/candidates.h"
#include "common/wheels/index_document.h"
#include "common/wheels/url.h"

namespace {

using namespace crossmill::python;  // NOLINT(google-build-using-namespace): one room

void Expect(bool holds) {
  if (!holds) abort();
}

const PythonEnvironment& Here(size_t index) {
  static const auto environment = [](int minor, const char* machine, Libc libc) {
    auto made =
        PythonEnvironment::Of({3, minor, false, machine, false, libc, true}, "3." + std::to_string(minor));
    Expect(made.ok());
    return *std::move(made);
  };
  static const PythonEnvironment environments[] = {environment(11, "x86_64", {Libc::Kind::kGlibc, 2, 36}),
                                                   environment(13, "aarch64", {Libc::Kind::kMusl, 1, 2})};
  return environments[index % 2];
}

void CheckDocument(const IndexDocument& document, IndexForm form, size_t size) {
  Expect(document.files.size() <= 50);
  for (const IndexFile& file : document.files) Expect(IsHttpUrl(file.url) && !file.file_name.empty());
  const auto again = ReadIndex(form, WriteIndex(form, document), "https://proxy.example/");
  Expect(again.ok());
  if (form == IndexForm::kJson) {
    Expect(again->files.size() == document.files.size());
    // Once written, nothing changes any more.
    Expect(WriteIndex(form, *again) ==
           WriteIndex(form, *ReadIndex(form, WriteIndex(form, *again), "https://a/")));
  }
  ChoiceRules rules;
  rules.prefer_binary = size % 3 == 0;
  rules.allow_sources = size % 5 != 0;
  const ProjectFiles files(document, document.name.empty() ? "name" : document.name);
  const Choice choice = Choose(files, rules, Here(size));
  Expect(choice.reasons.empty() == (choice.kind == Choice::Kind::kWheel));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const IndexForm form : {IndexForm::kJson, IndexForm::kHtml}) {
    const auto document =
        ReadIndex(form, text, "https://index.example/simple/name/", {.bytes = 1 << 20, .files = 50});
    if (document.ok()) CheckDocument(*document, form, size);
  }
  return 0;
}
