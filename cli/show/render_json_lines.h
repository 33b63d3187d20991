// --progress json: one object per thing that happens, written one per line on standard error (docs/cli.md).
// Pure. Each has `event`, `number` (of the build's event log, else null), `time` and `build`.
#pragma once

#include <string_view>

#include "cli/show/build_model.h"
#include "common/base/json.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// `model` has already applied the event.
Json EventLine(const v1::BuildEvent& event, const BuildModel& model);
// A piece of a console: `text`, and the bytes as `base64` when they are no UTF-8.
Json LogLine(const v1::WatchedLog& log, const BuildModel& model);
Json PlanningLine(const v1::PlanningProgress& progress, const BuildModel& model, int64_t now_nanos);
// `event` is "note" or "activity": something before or beside the build.
Json NoteLine(std::string_view event, std::string_view text, int64_t now_nanos);
// The last line: how the build ended, as far as it was watched.
Json ResultLine(const BuildModel& model, int64_t now_nanos);

}  // namespace crossmill::cli
