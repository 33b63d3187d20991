// Answers that need not be sent again: entity tags, and what If-None-Match says (RFC 9110).
#pragma once

#include <string>
#include <string_view>

#include "coordinator/http/response.h"

namespace crossmill::coordinator::door {

// Of the bytes themselves, with its quotes.
std::string EtagOf(std::string_view body);

// Whether If-None-Match has the tag, in a list or as "*"; weak ones match, too.
bool MatchesEtag(std::string_view if_none_match, std::string_view etag);

// It is asked for again each time, and mostly there is nothing to send.
inline constexpr std::string_view kAskAgain = "private, no-cache";

// The same answer (200) with its tag; 304 without a body where the client has it already.
Response Conditional(Response response, std::string_view if_none_match,
                     std::string_view cache_control = kAskAgain);

}  // namespace crossmill::coordinator::door
