// Changes of state: when a name on a platform is in another state than before, out of the record of its
// builds. What feeds and webhooks tell. Pure; docs/formats.md, "Changes of state", has the rule for readers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/history.pb.h"
#include "crossmill/v1/notices.pb.h"

namespace crossmill::core {

// Takes a build into account: `state` is what is known of the name on the row's platform (name and platform
// set, the rest as it was left before, empty at first). What a newer build has said already is not changed by
// an older one that ends later. The change, without id, if it is one.
std::optional<v1::StateChange> ApplyToState(const v1::BuildHistoryRow& row, v1::NameState* state);

// The names whose state a build is part of: its image names as HistoryName writes them; where there are none,
// where its context came from, to the letter. Empty for one without a recipe.
std::vector<std::string> StateNames(const v1::BuildSubmission& submission);

// Whether a webhook with this pattern (v1.Webhook.names) is told of a name.
bool MatchesNames(const std::string& pattern, const std::string& name);

}  // namespace crossmill::core
