// What the HTTP door answers: verb and path, and the method behind them. The one place where routes are; the
// door, the OpenAPI document and the tests read it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::coordinator::door {

// How a method's answer becomes a response.
enum class Form {
  // One message as JSON.
  kMessage,
  // The messages of a stream as JSON: {"items": [...]}.
  kList,
  // What a submission has as its Dockerfile, as text.
  kRecipe,
  // Changes of state as an Atom feed.
  kFeed,
  // What a name is as a picture (SVG).
  kBuildBadge,
  kVerdictBadge,
  // Server-Sent Events of WatchBuild.
  kEvents,
  // Server-Sent Events of WatchFarm.
  kFarmEvents,
  // Lines as JSON; with download=1 the whole console as text.
  kLog,
  // Server-Sent Events of ReadLog.
  kLogEvents,
  // The body is JSON, an archive, or both (submit_files.h); the answer one message as JSON.
  kFiles,
};

inline bool IsEventStream(Form form) {
  return form == Form::kEvents || form == Form::kFarmEvents || form == Form::kLogEvents;
}
inline bool IsBadge(Form form) { return form == Form::kBuildBadge || form == Form::kVerdictBadge; }

struct Route {
  // "GET", "POST", "DELETE".
  std::string_view verb;
  // "/api/v1/builds/{build_id}": names in braces are fields of the request message.
  std::string_view path;
  // "crossmill.v1.Builds/GetBuild".
  std::string_view method;
  Form form = Form::kMessage;
  // One sentence for people.
  std::string_view summary;
};

// All of them, in the order of the OpenAPI document.
std::span<const Route> Routes();

// What a path matched.
struct RouteMatch {
  const Route* route = nullptr;
  // Name and decoded text of each part in braces.
  std::vector<std::pair<std::string, std::string>> parameters;
};

// The route of a verb and a path as it came (escaped, without query). Without one: whether other verbs have
// the path, joined as an Allow field has them, in `allowed`.
std::optional<RouteMatch> FindRoute(std::string_view verb, std::string_view path, std::string* allowed);

}  // namespace crossmill::coordinator::door
