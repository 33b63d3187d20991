// What it costs to compare two layers of a step: from manifests, with contents read only for what differs.
//
//   compare_layers [--bytes N] [--file-bytes N] [--differing N] [--check]
//
// Layers are synthetic and nothing of them is kept: a manifest of each, and contents that are made up while
// they are read. Of N files some have the clock's time in one line, which is what is found. Prints the
// seconds of reading both manifests, of finding the paths, and of explaining them, how many bytes of contents
// were read, and the most memory that the process had. --check fails if more is read than what differs, or if
// the memory follows the bytes of the layers.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "common/base/digest.h"
#include "common/compare/step_comparison.h"
#include "common/layer/layer_manifest.h"
#include "common/layer/manifest_diff.h"

namespace crossmill {
namespace {

constexpr int64_t kFirstClock = 1795791845;
constexpr int64_t kSecondClock = kFirstClock + 90061;

struct Sizes {
  int64_t bytes = int64_t{1} << 30;
  int64_t file_bytes = 50'000;
  int64_t differing = 100;
};

// A text of equal lines, but for the time in the first.
class MadeUpContent final : public compare::Content {
 public:
  MadeUpContent(int64_t size, int64_t clock, int64_t* read)
      : size_(size), head_(fmt::format("built {}\n", clock)), read_(read) {}

  int64_t size() const override { return size_; }

  absl::StatusOr<std::string> Read(int64_t offset, size_t count) override {
    const auto end = static_cast<size_t>(std::min<int64_t>(size_, offset + static_cast<int64_t>(count)));
    std::string bytes;
    for (auto at = static_cast<size_t>(offset); at < end; ++at)
      bytes += at < head_.size() ? head_[at] : at % 64 == 0 ? '\n' : 'a';
    *read_ += static_cast<int64_t>(bytes.size());
    return bytes;
  }

 private:
  const int64_t size_;
  const std::string head_;
  int64_t* read_;
};

class MadeUpContents final : public compare::StepContents {
 public:
  explicit MadeUpContents(int64_t file_bytes) : file_bytes_(file_bytes) {}

  absl::StatusOr<std::unique_ptr<compare::Content>> OpenFirst(const std::string&) override {
    return std::make_unique<MadeUpContent>(file_bytes_, kFirstClock, &read_);
  }
  absl::StatusOr<std::unique_ptr<compare::Content>> OpenSecond(const std::string&) override {
    return std::make_unique<MadeUpContent>(file_bytes_, kSecondClock, &read_);
  }
  int64_t read() const { return read_; }

 private:
  const int64_t file_bytes_;
  int64_t read_ = 0;
};

std::string ManifestText(const Sizes& sizes, int64_t differing, std::string_view side) {
  layer::LayerManifest manifest;
  const int64_t files = sizes.bytes / sizes.file_bytes;
  const int64_t step = std::max<int64_t>(1, files / std::max<int64_t>(1, differing));
  for (int64_t i = 0; i < files; ++i) {
    layer::ManifestEntry& each = manifest.entries.emplace_back();
    each.entry.path = fmt::format("srv/{:09}", i);
    each.entry.mode = 0644;
    each.entry.size = sizes.file_bytes;
    const bool differs = i % step == 0 && i / step < differing;
    each.sha256 = DigestOf(fmt::format("{} {}", i, differs ? side : "")).hash;
  }
  return manifest.Serialize();
}

compare::ExecutionFacts FactsAt(const char* worker, int64_t clock) {
  compare::ExecutionFacts facts;
  facts.worker = worker;
  facts.begin = clock * 1'000'000'000;
  facts.end = facts.begin + 1'000'000'000;
  return facts;
}

int64_t MostMemory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

struct Measured {
  double manifests = 0;
  double paths = 0;
  double causes = 0;
  int64_t manifest_bytes = 0;
  int64_t read = 0;
  size_t found = 0;
  bool explained = false;
};

Measured Measure(const Sizes& sizes) {
  const std::string first = ManifestText(sizes, sizes.differing, "first");
  const std::string second = ManifestText(sizes, sizes.differing, "second");
  Measured measured;
  measured.manifest_bytes = static_cast<int64_t>(first.size() + second.size());
  auto then = std::chrono::steady_clock::now();
  const auto lap = [&then](double* seconds) {
    const auto now = std::chrono::steady_clock::now();
    *seconds = std::chrono::duration<double>(now - then).count();
    then = now;
  };
  const auto ours = layer::LayerManifest::Parse(first);
  const auto theirs = layer::LayerManifest::Parse(second);
  lap(&measured.manifests);
  if (!ours.ok() || !theirs.ok()) return measured;
  const auto differences = layer::DiffManifests(*ours, *theirs, SIZE_MAX, nullptr);
  lap(&measured.paths);
  MadeUpContents contents(sizes.file_bytes);
  const compare::StepExplanation explained =
      compare::ExplainStep(differences, {FactsAt("w1", kFirstClock), FactsAt("w2", kSecondClock)}, contents,
                           compare::KnownFiles::Embedded(), {}, {});
  lap(&measured.causes);
  measured.read = contents.read();
  measured.found = differences.size();
  measured.explained = explained.problem.empty() && explained.causes.size() == 1 &&
                       explained.causes[0].cause().class_() == "embedded-time";
  return measured;
}

int Run(const Sizes& sizes, bool check) {
  const Measured measured = Measure(sizes);
  constexpr double kMiB = 1 << 20;
  const int64_t memory = MostMemory();
  fmt::print("two layers of {:.1f} GiB, {} files each, {} of them differ\n", sizes.bytes / kMiB / 1024,
             sizes.bytes / sizes.file_bytes, measured.found);
  fmt::print("  manifests read {:6.2f} s ({:.1f} MiB)\n", measured.manifests, measured.manifest_bytes / kMiB);
  fmt::print("  paths          {:6.2f} s\n", measured.paths);
  fmt::print("  causes         {:6.2f} s, {:.1f} MiB of contents read\n", measured.causes,
             measured.read / kMiB);
  fmt::print("  memory         {:6.0f} MiB at most\n", memory / kMiB);
  if (!check) return 0;
  const int64_t wanted = 2 * sizes.differing * sizes.file_bytes;
  // Of manifests, in memory and as text, and some for the program: nothing for contents.
  const bool flat = memory < (int64_t{128} << 20) + 8 * measured.manifest_bytes;
  if (measured.explained && measured.read <= wanted && flat) return 0;
  fmt::print(stderr, "compare_layers: {}\n",
             !measured.explained ? "the cause was not found"
             : !flat             ? "the memory follows the layers"
                                 : "more was read than what differs");
  return 1;
}

}  // namespace
}  // namespace crossmill

int main(int argc, char** argv) {
  CLI::App app("What comparing two layers costs");
  crossmill::Sizes sizes;
  bool check = false;
  app.add_option("--bytes", sizes.bytes, "Of each layer")->check(CLI::PositiveNumber);
  app.add_option("--file-bytes", sizes.file_bytes, "Of each file")->check(CLI::PositiveNumber);
  app.add_option("--differing", sizes.differing, "Files that differ")->check(CLI::PositiveNumber);
  app.add_flag("--check", check, "Fail unless little was read and kept");
  CLI11_PARSE(app, argc, argv);
  return crossmill::Run(sizes, check);
}
