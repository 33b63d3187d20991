// How the stages of a Dockerfile depend on each other, on named contexts and on images, as one wanted
// platform sees it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/dockerfile/expansion.h"
#include "common/dockerfile/outline.h"
#include "common/pattern/effort.h"
#include "common/plan/named_contexts.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// An image: by reference, or by what the client uploaded of an OCI layout.
struct ImageName {
  // As written after expansion; of a layout: the context's name.
  std::string reference;
  // Empty but for a layout: an index or manifest in the blob store.
  Digest root;
};

// Where a COPY or a mount takes its content from.
struct CopyOrigin {
  // The main context, a stage, an image, a named context's tree, or nothing (`scratch`).
  enum Kind { kContext, kStage, kImage, kTree, kScratch } kind = kContext;
  size_t stage = 0;
  ImageName image;
  const v1::NamedContext* tree = nullptr;
  // Place of the --from or from= that says it, in Instruction::text.
  size_t offset = 0;
};

// The base of a stage, for one wanted platform.
struct StageBase {
  enum Kind { kScratch, kStage, kImage, kTree } kind = kScratch;
  size_t stage = 0;
  ImageName image;
  const v1::NamedContext* tree = nullptr;
  // A named context has the stage's name: its instructions do not count.
  bool replaced = false;
  // The stage's own.
  v1::Platform platform;
  // FROM as shown.
  std::string text;
};

// The outline as one wanted platform sees it.
struct PlatformView {
  v1::Platform target;
  const NamedContexts* contexts = nullptr;
  // Automatic platform arguments and global ARGs with values.
  dockerfile::Variables globals;
  std::vector<StageBase> bases;  // by stage
  // By stage: triggers (ONBUILD) of its base, which come before its own instructions. Those of an image are
  // not known before its config is.
  std::vector<std::vector<dockerfile::Instruction>> triggers;
};

// Build arguments by name; --source-date-epoch counts as SOURCE_DATE_EPOCH.
dockerfile::Variables GivenArguments(const v1::Recipe& recipe, std::optional<int64_t> source_date_epoch);

absl::StatusOr<PlatformView> ViewFor(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                     const dockerfile::Variables& given, std::string_view target_name,
                                     const v1::Platform& target, const v1::Platform& build_platform,
                                     pattern::Effort* effort = nullptr);

// The origin of a COPY, or of one mount with from=; any other instruction takes nothing from elsewhere.
// `current` is its stage.
absl::StatusOr<CopyOrigin> OriginOfCopy(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                        const v1::Platform& target, size_t current,
                                        const dockerfile::Instruction& instruction);
absl::StatusOr<CopyOrigin> OriginOfMount(const dockerfile::Outline& outline, const NamedContexts& contexts,
                                         const v1::Platform& target, size_t current,
                                         const dockerfile::Instruction& instruction,
                                         const dockerfile::Flag& mount);
// All of them, in order, without the main context.
absl::StatusOr<std::vector<CopyOrigin>> OriginsOf(const dockerfile::Outline& outline,
                                                  const NamedContexts& contexts, const v1::Platform& target,
                                                  size_t current, const dockerfile::Instruction& instruction);

// The texts as instructions that stand where the stage's FROM does.
absl::StatusOr<std::vector<dockerfile::Instruction>> ReadTriggers(const dockerfile::Outline& outline,
                                                                  const dockerfile::Stage& stage,
                                                                  const std::vector<std::string>& texts);

// The stage's instructions: those of its triggers, then its own; none if a named context replaces it.
std::vector<const dockerfile::Instruction*> BodyOf(const dockerfile::Outline& outline,
                                                   const PlatformView& view, size_t stage);

// Stages that `target` needs, itself included, by stage.
absl::StatusOr<std::vector<bool>> ReachableStages(const dockerfile::Outline& outline,
                                                  const PlatformView& view, size_t target);

}  // namespace crossmill::plan
