// A change of state in words, and as the body of a webhook. Pure.
#pragma once

#include <string>
#include <string_view>

#include "crossmill/v1/notices.pb.h"

namespace crossmill::coordinator {

// "team/app linux/arm64: succeeded → failed"; what did not change is left out, and so is what was not known
// before: "team/app linux/arm64: succeeded, reproducible".
std::string ChangeTitle(const v1::StateChange& change);

// "2026-11-27T22:45:00Z".
std::string Rfc3339(int64_t unix_nanos);

// {"type": "state.changed", "timestamp": ..., "data": {...}}, the same for the same change. `farm_id`: in
// `data`.
std::string WebhookBody(const v1::StateChange& change, std::string_view farm_id);

}  // namespace crossmill::coordinator
