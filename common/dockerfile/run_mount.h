// RUN --mount: the comma-separated text of one flag, its keys and their defaults, as Docker's builder reads
// them. Where the content comes from is decided by the stage evaluator.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/dockerfile/instruction.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::dockerfile {

struct MountSpec {
  v1::RunMount::Type type = v1::RunMount::TYPE_BIND;
  std::string from;
  std::string source;
  // As written; empty if not given.
  std::string target;
  std::string id;
  std::optional<v1::RunMount::Sharing> sharing;
  bool read_only = false;
  bool required = false;
  // Bytes; 0: no limit.
  int64_t size = 0;
  std::optional<std::string> env;
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
};

// A stage, context or image that a mount names; known without any variable, since none is expanded there.
struct MountFrom {
  // Empty: none.
  std::string value;
  // Into Instruction::text.
  size_t offset = 0;
};

// Expands variables; an error's text has no place.
using ExpandText = std::function<absl::StatusOr<std::string>(std::string_view)>;

// Errors: INVALID_ARGUMENT "FILE:LINE:COLUMN: what is wrong; what was expected".
absl::StatusOr<MountFrom> ReadMountFrom(std::string_view file, const Instruction& instruction,
                                        const Flag& flag);
absl::StatusOr<MountSpec> ReadMount(std::string_view file, const Instruction& instruction, const Flag& flag,
                                    const ExpandText& expand);

}  // namespace crossmill::dockerfile
