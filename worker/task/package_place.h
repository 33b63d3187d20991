// Where the record of an installed package lies, and whether an interpreter would find it there.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "crossmill/v1/result.pb.h"
#include "worker/task/root_reader.h"

namespace crossmill::worker {

// Sets `place` and `environment` of a record whose `path` is set: by the names on the way, by pyvenv.cfg, by
// interpreters in the prefix. `folder` is the one that Python would have to search.
void FindPlace(const RootReader& root, std::string_view folder, v1::DistInfo* info);

// True for what made the virtual environment put there in the same step: pip and setuptools as they are
// bundled with the interpreter, or as virtualenv and uv bring them. Call it after FindPlace; `changed` are
// the step's changed files.
bool IsSeed(const RootReader& root, const std::set<std::string, std::less<>>& changed,
            const v1::DistInfo& info);

}  // namespace crossmill::worker
