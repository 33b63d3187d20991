// Changes of state as an Atom feed (RFC 4287). Pure.
#pragma once

#include <string>

#include "crossmill/v1/notices.pb.h"

namespace crossmill::coordinator {

struct FeedPlace {
  // "https://farm.example", where the page is.
  std::string origin;
  // Of the feed itself, with its query: "/api/v1/feed?name=team%2Fapp".
  std::string path;
  // What it is asked for; empty: all.
  std::string name;
  std::string platform;
};

// Ids are "tag:" URIs of the farm's identity, so that they stay when the farm gets another address.
std::string AtomFeed(const v1::ListStateChangesResponse& changes, const FeedPlace& place);

}  // namespace crossmill::coordinator
