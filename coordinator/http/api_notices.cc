// Feeds and badges: what the API sends that is no JSON.
#include <vector>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/http/api.h"
#include "coordinator/http/conditional.h"
#include "coordinator/notices/atom_feed.h"
#include "coordinator/notices/badge.h"
#include "crossmill/v1/notices.pb.h"

namespace crossmill::coordinator::door {
namespace {

// A picture may be that old; whoever shows many asks seldom enough.
constexpr std::string_view kBadgeAge = "private, max-age=60";
constexpr std::string_view kPublicBadgeAge = "public, max-age=60";

std::string PlatformText(const v1::Platform& platform, bool given) {
  return given ? FormatPlatform(platform) : "";
}

}  // namespace

Awaitable<void> Api::SendFeed(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  const auto& asked = static_cast<const v1::ListStateChangesRequest&>(*request.message);
  v1::ListStateChangesResponse changes;
  const absl::Status called =
      co_await Call(exchange, request.route->method, request.authorization, asked, &changes);
  if (!called.ok()) co_return co_await Refuse(exchange, called);
  const RequestHead& head = exchange.head();
  FeedPlace place;
  place.origin = fmt::format("{}://{}", head.secure ? "https" : "http", head.host);
  place.path = head.path + (head.query.empty() ? "" : "?" + head.query);
  place.name = asked.name();
  place.platform = PlatformText(asked.platform(), asked.has_platform());
  co_await exchange.Send(
      Conditional(MakeResponse(200, "application/atom+xml; charset=utf-8", AtomFeed(changes, place)),
                  head.if_none_match));
}

Awaitable<void> Api::SendBadge(Exchange& exchange, Request& request) {
  if (const absl::Status read = co_await Read(exchange, request); !read.ok())
    co_return co_await Refuse(exchange, read);
  auto& asked = static_cast<v1::ListNameStatesRequest&>(*request.message);
  if (asked.name().empty())
    co_return co_await Refuse(exchange, absl::InvalidArgumentError("name: a badge is of one name"));
  v1::ListNameStatesResponse answer;
  const absl::Status called =
      co_await Call(exchange, request.route->method, request.authorization, asked, &answer);
  if (!called.ok()) co_return co_await Refuse(exchange, called);
  const std::vector<v1::NameState> states(answer.states().begin(), answer.states().end());
  const BadgeKind kind = request.route->form == Form::kBuildBadge ? BadgeKind::kBuild : BadgeKind::kVerdict;
  const Badge badge = BadgeOf(kind, states, PlatformText(asked.platform(), asked.has_platform()));
  // Who may see it without a token may show it anywhere.
  const bool everybody = !badge_reader_.empty();
  Response response = Conditional(MakeResponse(200, "image/svg+xml", BadgeSvg(badge)),
                                  exchange.head().if_none_match, everybody ? kPublicBadgeAge : kBadgeAge);
  response.embeddable = everybody;
  co_await exchange.Send(std::move(response));
}

}  // namespace crossmill::coordinator::door
