// The stages of a Dockerfile, and how they depend on each other and on images for one wanted platform.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/expansion.h"
#include "common/plan/parser.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

struct Stage {
  size_t index = 0;
  // Lower case; empty without AS.
  std::string name;
  const Instruction* from = nullptr;
  std::vector<const Instruction*> body;

  // Name, else number: for people.
  std::string Label() const { return name.empty() ? std::to_string(index) : name; }
};

// Movable; pointers go into `document`.
struct Outline {
  Outline() = default;
  Outline(Outline&&) = default;
  Outline& operator=(Outline&&) = default;

  Document document;
  // Before the first FROM.
  std::vector<const Instruction*> global_args;
  std::vector<Stage> stages;
  // Indexes by name, ascending (a name may be given twice; the later stage then hides the earlier).
  std::map<std::string, std::vector<size_t>, std::less<>> stages_by_name;

  // The last stage of that name before stage `before`.
  std::optional<size_t> FindStage(std::string_view name, size_t before) const;
  // The stage names before stage `before`, in order, each once.
  std::vector<std::string> StageNames(size_t before) const;
};

absl::StatusOr<Outline> ReadOutline(std::string_view file, std::string_view text);

// The stage that a build's target means: a name, a number, or "" for the last.
// INVALID_ARGUMENT lists the stages.
absl::StatusOr<size_t> FindTarget(const Outline& outline, std::string_view target);

// Where COPY takes its sources from.
struct CopyOrigin {
  enum Kind { kContext, kStage, kImage } kind = kContext;
  size_t stage = 0;
  std::string reference;
};

// Of a COPY (or any other instruction: kContext) in stage `current`.
absl::StatusOr<CopyOrigin> FindOrigin(const Outline& outline, size_t current, const Instruction& instruction);

// What a stage is built from, for one wanted platform.
struct StageBase {
  enum Kind { kScratch, kStage, kImage } kind = kScratch;
  size_t stage = 0;
  std::string reference;
  // Of the stage.
  v1::Platform platform;
  // FROM as shown.
  std::string text;
};

// The outline as one wanted platform sees it.
struct PlatformView {
  v1::Platform target;
  // Automatic platform arguments and global ARGs with values.
  Variables globals;
  std::vector<StageBase> bases;  // by stage
};

absl::StatusOr<PlatformView> ViewFor(const Outline& outline, const v1::Recipe& recipe,
                                     const v1::Platform& target, const v1::Platform& build_platform);

// Stages that `target` needs, itself included, by stage. Triggers of stages are followed, those of
// images are not known here.
absl::StatusOr<std::vector<bool>> ReachableStages(const Outline& outline, const PlatformView& view,
                                                  size_t target);

// INVALID_ARGUMENT naming what the language has but this builder does not do yet.
absl::Status CheckSupported(const Outline& outline, const Instruction& instruction);

// HTTP_PROXY and its kin, in any of the two cases: predefined, never part of a key.
bool IsProxyArgument(std::string_view name);
// BUILDPLATFORM, TARGETARCH, ...
bool IsPlatformArgument(std::string_view name);

v1::SourceRange RangeOf(const Outline& outline, const Instruction& instruction);

}  // namespace crossmill::plan
