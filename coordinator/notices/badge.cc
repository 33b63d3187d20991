#include "coordinator/notices/badge.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/words.h"

namespace crossmill::coordinator {
namespace {

constexpr std::string_view kGood = "#2c7a3f";
constexpr std::string_view kBad = "#b3261e";
constexpr std::string_view kDoubtful = "#8a5a00";
constexpr std::string_view kUnknown = "#5f6368";
constexpr int kPadding = 6;

// How bad it is, and how it looks.
struct Grade {
  int rank;
  std::string_view text;
  std::string_view colour;
};

Grade GradeOf(v1::BuildStatus status) {
  switch (status) {
    case v1::BUILD_STATUS_SUCCEEDED:
      return {0, "passing", kGood};
    case v1::BUILD_STATUS_FAILED:
      return {3, "failed", kBad};
    case v1::BUILD_STATUS_TIMED_OUT:
      return {2, "timed out", kBad};
    default:
      return {1, "unknown", kUnknown};
  }
}

Grade GradeOf(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_REPRODUCIBLE:
      return {0, "reproducible", kGood};
    case v1::VERDICT_UNREPRODUCIBLE:
      return {4, "not reproducible", kBad};
    case v1::VERDICT_FLAKY:
      return {3, "flaky", kBad};
    case v1::VERDICT_INPUT_DRIFT:
      return {2, "input drift", kDoubtful};
    default:
      return {1, "unverified", kUnknown};
  }
}

// In tenths of a pixel, as Verdana has them at 11 px; with another font the text is stretched a little.
int TenthsOf(char c) {
  constexpr std::string_view kNarrow = "ijl.,:;'|!";
  constexpr std::string_view kHalf = "frt /-()[]\"I";
  constexpr std::string_view kWide = "mwMW@%&";
  if (kNarrow.find(c) != std::string_view::npos) return 33;
  if (kHalf.find(c) != std::string_view::npos) return 45;
  if (kWide.find(c) != std::string_view::npos) return 98;
  return 67;
}

int WidthOf(std::string_view text) {
  int tenths = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) tenths += TenthsOf(c);
  }
  return (tenths + 5) / 10 + 2 * kPadding;
}

}  // namespace

Badge BadgeOf(BadgeKind kind, absl::Span<const v1::NameState> states, std::string_view platform) {
  Badge badge;
  badge.label = kind == BadgeKind::kBuild ? "build" : "verdict";
  if (!platform.empty()) badge.label += fmt::format(" {}", platform);
  if (states.empty()) {
    badge.text = "unknown";
    badge.colour = std::string(kUnknown);
    return badge;
  }
  const auto grade = [kind](const v1::NameState& state) {
    return kind == BadgeKind::kBuild ? GradeOf(state.status()) : GradeOf(state.verdict());
  };
  Grade worst = grade(states.front());
  for (const v1::NameState& state : states) {
    if (grade(state).rank > worst.rank) worst = grade(state);
  }
  const auto alike = std::count_if(states.begin(), states.end(), [&](const v1::NameState& state) {
    return grade(state).rank == worst.rank;
  });
  badge.text = std::string(worst.text);
  if (static_cast<size_t>(alike) != states.size()) badge.text += fmt::format(" {}/{}", alike, states.size());
  badge.colour = std::string(worst.colour);
  return badge;
}

std::string BadgeSvg(const Badge& badge) {
  const int left = WidthOf(badge.label);
  const int right = WidthOf(badge.text);
  const std::string label = EscapeXml(badge.label);
  const std::string text = EscapeXml(badge.text);
  const auto word = [](int x, int width, const std::string& escaped) {
    return fmt::format(
        "<text x=\"{}\" y=\"14\" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>", x + kPadding,
        width - 2 * kPadding, escaped);
  };
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"20\" viewBox=\"0 0 {0} 20\" "
      "role=\"img\" aria-label=\"{1}: {2}\"><title>{1}: {2}</title>"
      "<rect width=\"{3}\" height=\"20\" fill=\"#3c4043\"/><rect x=\"{3}\" width=\"{4}\" height=\"20\" "
      "fill=\"{5}\"/><g fill=\"#ffffff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" "
      "font-size=\"11\">{6}{7}"
      "</g></svg>\n",
      left + right, label, text, left, right, EscapeXml(badge.colour), word(0, left, label),
      word(left, right, text));
}

}  // namespace crossmill::coordinator
