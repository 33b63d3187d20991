// The coordinator's flags about the bucket behind its disk.
#pragma once

#include <CLI/CLI.hpp>

#include "coordinator/bucket/farm_bucket.h"

namespace crossmill::coordinator {

// `settings` outlives the app.
void AddBucketFlags(CLI::App& app, BucketSettings& settings);

}  // namespace crossmill::coordinator
