// In what two documents of images differ, member by member. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/base/json.h"

namespace crossmill::cli {

struct FieldChange {
  // "config.Env.PATH", "config.Labels.version", "history[2].created_by".
  std::string field;
  // null: that one does not have it.
  Json first;
  Json second;
};

// Of two image configs, in the order of their names. Variables of Env are compared by name; their order is a
// difference of its own, if it is the only one. Entries of `history` are compared one by one, other lists as
// a whole. Layers (rootfs.diff_ids) are left out.
std::vector<FieldChange> CompareConfigs(const Json& first, const Json& second);
// Of any two documents; `name` is what they are called ("annotations").
std::vector<FieldChange> CompareDocuments(const Json& first, const Json& second, const std::string& name);

}  // namespace crossmill::cli
