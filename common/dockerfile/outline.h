// The stages of a Dockerfile. How they depend on each other and on images: stage_graph.h.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/dockerfile/parser.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::dockerfile {

struct Stage {
  size_t index = 0;
  // Lower case; empty without AS.
  std::string name;
  const Instruction* from = nullptr;
  std::vector<const Instruction*> body;

  // How every display, event, log and message calls the stage: its name, else "stage-" and its number.
  std::string Label() const { return name.empty() ? "stage-" + std::to_string(index) : name; }
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
  // The stage that a user names: by name, by number, or as displays call it.
  std::optional<size_t> FindStageByAnyName(std::string_view name) const;
  // The stage names before stage `before`, in order, each once.
  std::vector<std::string> StageNames(size_t before) const;
};

absl::StatusOr<Outline> ReadOutline(std::string_view file, std::string_view text);

// The stage that a build's target means: a name, a number, a label, or "" for the last.
// INVALID_ARGUMENT lists the stages.
absl::StatusOr<size_t> FindTarget(const Outline& outline, std::string_view target);

// INVALID_ARGUMENT "FILE: WHAT 'NAME' not found...": a near miss, and the stages there are.
absl::Status UnknownStage(const Outline& outline, std::string_view what, std::string_view name,
                          std::string_view said_by);

// HTTP_PROXY and its kin, in any of the two cases: predefined, never part of a key.
bool IsProxyArgument(std::string_view name);
// BUILDPLATFORM, TARGETARCH, ...
bool IsPlatformArgument(std::string_view name);

v1::SourceRange RangeOf(const Outline& outline, const Instruction& instruction);

}  // namespace crossmill::dockerfile
