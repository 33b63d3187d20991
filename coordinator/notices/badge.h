// Badges: what a name is now as a small picture (SVG) that others show. No script, no font that is fetched.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "crossmill/v1/notices.pb.h"

namespace crossmill::coordinator {

enum class BadgeKind { kBuild, kVerdict };

struct Badge {
  // "build", "verdict"; with the platform behind it where one was asked for.
  std::string label;
  std::string text;
  // "#rrggbb" of the text's ground.
  std::string colour;
};

// Of all platforms that `states` names: the worst of them, and how many of them are so ("failed 1/3"). None:
// "unknown". `platform`: the one that was asked for, for the label; empty: all.
Badge BadgeOf(BadgeKind kind, absl::Span<const v1::NameState> states, std::string_view platform);

// Escaped, with a title for those who hear it.
std::string BadgeSvg(const Badge& badge);

}  // namespace crossmill::coordinator
