#include "coordinator/http/table/route_table.h"

#include <array>

#include "common/base/text.h"

namespace crossmill::coordinator::door {
namespace {

constexpr std::array<Route, 53> kRoutes = {{
    {"GET", "/api/v1/builds", "crossmill.v1.Builds/ListBuilds", Form::kMessage,
     "Builds that a filter finds, newest first, without their stages."},
    {"POST", "/api/v1/builds", "crossmill.v1.Builds/SubmitBuild", Form::kMessage,
     "Submits a build whose context is in the blob store, or that needs none."},
    {"POST", "/api/v1/submissions", "crossmill.v1.Submissions/SubmitFiles", Form::kFiles,
     "Submits a build with its context: a tar that comes with the request, or a git repository."},
    {"GET", "/api/v1/submissions/{submission}", "crossmill.v1.Submissions/GetSubmissionState", Form::kMessage,
     "What became of a submission whose repository is fetched."},
    {"POST", "/api/v1/submissions/{submission}/cancel", "crossmill.v1.Submissions/CancelSubmission",
     Form::kMessage, "Ends a fetch."},
    {"GET", "/api/v1/builds/{build_id}", "crossmill.v1.Builds/GetBuild", Form::kMessage,
     "A build with its stages, steps and cells; 0 is the latest."},
    {"POST", "/api/v1/matrices", "crossmill.v1.Matrices/SubmitMatrix", Form::kMessage,
     "Submits a build for each of the combinations of build arguments: all or none."},
    {"GET", "/api/v1/matrices/{matrix_id}", "crossmill.v1.Matrices/GetMatrix", Form::kMessage,
     "The builds of a matrix, without their stages, and what they are together."},
    {"POST", "/api/v1/matrices/{matrix_id}/cancel", "crossmill.v1.Matrices/CancelMatrix", Form::kMessage,
     "Cancels all builds of a matrix."},
    {"GET", "/api/v1/builds/{build_id}/events", "crossmill.v1.Builds/WatchBuild", Form::kEvents,
     "What happens to a build as Server-Sent Events, until it has ended."},
    {"GET", "/api/v1/builds/{build_id}/submission", "crossmill.v1.Builds/GetSubmission", Form::kMessage,
     "What was submitted."},
    {"GET", "/api/v1/builds/{build_id}/recipe", "crossmill.v1.Builds/GetSubmission", Form::kRecipe,
     "The Dockerfile's text."},
    {"GET", "/api/v1/builds/{build_id}/packages", "crossmill.v1.Builds/ListPackages", Form::kMessage,
     "How each package of a build arrived, and what changed since the last build of the recipe."},
    {"GET", "/api/v1/builds/{build_id}/fetches", "crossmill.v1.Builds/ListFetches", Form::kMessage,
     "What the steps of a build fetched."},
    {"GET", "/api/v1/builds/{build_id}/statements", "crossmill.v1.Attestations/ListStatements", Form::kList,
     "The evidence of a build that has ended: statements in their envelopes, and keys."},
    {"POST", "/api/v1/builds/{build_id}/cancel", "crossmill.v1.Builds/CancelBuild", Form::kMessage,
     "Cancels a build."},
    {"POST", "/api/v1/builds/{build_id}/share", "crossmill.v1.Builds/ShareBuild", Form::kMessage,
     "Lets all projects read a build, or no longer."},
    {"POST", "/api/v1/builds/{build_id}/retry", "crossmill.v1.Builds/RetryBuild", Form::kMessage,
     "Submits again what was submitted."},
    {"POST", "/api/v1/builds/{build_id}/verify", "crossmill.v1.Verification/VerifyBuild", Form::kMessage,
     "Submits a rebuild of a build that has ended, to be compared with what it gave."},
    {"GET", "/api/v1/builds/{first}/compare/{second}", "crossmill.v1.Verification/CompareBuilds", Form::kList,
     "Two builds that have ended beside each other: where they part, and why."},
    {"GET", "/api/v1/wall", "crossmill.v1.Overview/ListWall", Form::kMessage,
     "A row for each recipe: its newest state by platform, and the builds before."},
    {"GET", "/api/v1/trends", "crossmill.v1.Overview/GetTrends", Form::kMessage,
     "Sums of the builds that ended, by day or week."},
    {"GET", "/api/v1/events", "crossmill.v1.Overview/WatchFarm", Form::kFarmEvents,
     "What changes in all builds and workers as Server-Sent Events, until the client goes."},
    {"GET", "/api/v1/history", "crossmill.v1.Verification/ListHistory", Form::kMessage,
     "The builds of a recipe over time: verdicts, and what changed where one got worse."},
    {"GET", "/api/v1/executions/{execution}/log", "crossmill.v1.Builds/ListLogLines", Form::kLog,
     "Lines of the console of an execution, or those that match a search; with download=1 all of it as "
     "text."},
    {"GET", "/api/v1/executions/{execution}/log/stream", "crossmill.v1.Builds/ReadLog", Form::kLogEvents,
     "The console of an execution as Server-Sent Events, until it has ended."},
    {"GET", "/api/v1/packages/history", "crossmill.v1.Packages/ListHistory", Form::kMessage,
     "What became of one package in the executions over time."},
    {"GET", "/api/v1/packages/compiled", "crossmill.v1.Packages/ListCompiled", Form::kMessage,
     "What was compiled, by release and platform."},
    {"GET", "/api/v1/packages/uses", "crossmill.v1.Packages/ListUses", Form::kMessage,
     "Which builds use a version of a package."},
    {"GET", "/api/v1/wheels", "crossmill.v1.Wheels/ListFarmWheels", Form::kMessage,
     "Wheels that the farm compiled and offers."},
    {"GET", "/api/v1/images", "crossmill.v1.Images/ListImages", Form::kMessage,
     "Image names of the farm's store."},
    {"GET", "/api/v1/workers", "crossmill.v1.Farm/ListWorkers", Form::kMessage,
     "Workers, and what each runs."},
    {"POST", "/api/v1/workers/{worker}/drain", "crossmill.v1.Farm/DrainWorker", Form::kMessage,
     "The worker gets no new tasks until it is undrained; what it runs goes on."},
    {"POST", "/api/v1/workers/{worker}/distrust", "crossmill.v1.Farm/DistrustWorker", Form::kMessage,
     "Nothing that the worker made since then is reused any more; answers which builds and images have it."},
    {"POST", "/api/v1/workers/{worker}/trust", "crossmill.v1.Farm/TrustWorker", Form::kMessage,
     "What a distrusted worker makes from now on counts again."},
    {"POST", "/api/v1/workers/{worker}/undrain", "crossmill.v1.Farm/UndrainWorker", Form::kMessage,
     "The worker gets tasks again."},
    {"POST", "/api/v1/workers/{worker}/cordon", "crossmill.v1.Farm/CordonWorker", Form::kMessage,
     "The worker gets tasks of the builds that there are, and of no later ones."},
    {"POST", "/api/v1/workers/{worker}/uncordon", "crossmill.v1.Farm/UncordonWorker", Form::kMessage,
     "A cordoned worker gets tasks of all builds again."},
    {"DELETE", "/api/v1/workers/{worker}", "crossmill.v1.Farm/RemoveWorker", Form::kMessage,
     "A worker that is not connected is forgotten; what it executed stays in the record."},
    {"GET", "/api/v1/states", "crossmill.v1.Notices/ListNameStates", Form::kMessage,
     "What each name on each platform is: the status and the verdict that stand."},
    {"GET", "/api/v1/changes", "crossmill.v1.Notices/ListStateChanges", Form::kMessage,
     "Changes of state, newest first."},
    {"GET", "/api/v1/feed", "crossmill.v1.Notices/ListStateChanges", Form::kFeed,
     "Changes of state as an Atom feed, of a name or of all."},
    {"GET", "/api/v1/badges/build.svg", "crossmill.v1.Notices/ListNameStates", Form::kBuildBadge,
     "The status of a name as a picture."},
    {"GET", "/api/v1/badges/verdict.svg", "crossmill.v1.Notices/ListNameStates", Form::kVerdictBadge,
     "The verdict of a name as a picture."},
    {"GET", "/api/v1/webhooks", "crossmill.v1.Webhooks/ListWebhooks", Form::kMessage,
     "Who is told of changes of state."},
    {"POST", "/api/v1/webhooks", "crossmill.v1.Webhooks/AddWebhook", Form::kMessage,
     "Adds a webhook; the answer has the secret that deliveries are signed with, which is not told again."},
    {"DELETE", "/api/v1/webhooks/{webhook_id}", "crossmill.v1.Webhooks/RemoveWebhook", Form::kMessage,
     "Removes a webhook and its deliveries."},
    {"GET", "/api/v1/webhooks/{webhook_id}/deliveries", "crossmill.v1.Webhooks/ListDeliveries",
     Form::kMessage, "What was delivered to a webhook, or is to be, newest first."},
    {"POST", "/api/v1/deliveries/{delivery_id}/redeliver", "crossmill.v1.Webhooks/Redeliver", Form::kMessage,
     "Delivers once more, under the same id."},
    {"POST", "/api/v1/token", "crossmill.v1.People/ExchangeIdentity", Form::kMessage,
     "A token of the farm for an identity token that a pipeline service signed. Needs no other token."},
    {"GET", "/api/v1/session", "crossmill.v1.Farm/GetCaller", Form::kMessage,
     "What the token or the session may do."},
    {"GET", "/api/v1/status", "crossmill.v1.Farm/GetFarmStatus", Form::kMessage,
     "Numbers of the farm: builds by status, tasks, workers."},
    {"GET", "/api/v1/version", "crossmill.v1.Farm/GetVersion", Form::kMessage,
     "The coordinator's version and clock."},
}};

std::string_view TakePart(std::string_view* path) {
  const size_t slash = path->find('/');
  const std::string_view part = path->substr(0, slash);
  path->remove_prefix(slash == std::string_view::npos ? path->size() : slash + 1);
  return part;
}

// Part by part, so that an escaped slash belongs to its part.
bool MatchPath(std::string_view pattern, std::string_view path, RouteMatch* match) {
  if (path.empty() || path.back() == '/') return false;
  match->parameters.clear();
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = TakePart(&pattern);
    const std::string_view part = TakePart(&path);
    if (wanted.starts_with('{')) {
      if (part.empty()) return false;
      match->parameters.emplace_back(wanted.substr(1, wanted.size() - 2), DecodePercent(part));
    } else if (wanted != part) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

}  // namespace

std::span<const Route> Routes() { return kRoutes; }

std::optional<RouteMatch> FindRoute(std::string_view verb, std::string_view path, std::string* allowed) {
  allowed->clear();
  for (const Route& route : Routes()) {
    RouteMatch match;
    if (!MatchPath(route.path, path, &match)) continue;
    match.route = &route;
    if (route.verb == verb || (verb == "HEAD" && route.verb == "GET")) return match;
    if (!allowed->empty()) *allowed += ", ";
    *allowed += route.verb;
    if (route.verb == "GET") *allowed += ", HEAD";
  }
  return std::nullopt;
}

}  // namespace crossmill::coordinator::door
