#include "cli/show/causes.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr int kPathsNamed = 3;
constexpr size_t kBytesShown = 64;

std::string Named(const google::protobuf::RepeatedPtrField<std::string>& paths, uint32_t total) {
  std::string names;
  const int named = std::min(paths.size(), kPathsNamed);
  for (int i = 0; i < named; ++i) names += (i == 0 ? "/" : ", /") + Printable(paths[i]);
  const uint32_t more = total > static_cast<uint32_t>(named) ? total - static_cast<uint32_t>(named) : 0;
  return more > 0 ? fmt::format("{} and {} more", names, more) : names;
}

// Text as it is, with what is not printable escaped; other bytes in hex.
std::string Shown(std::string_view bytes) {
  if (bytes.empty()) return "nothing";
  const std::string_view head = bytes.substr(0, kBytesShown);
  const bool text = std::none_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' && c != '\r';
  });
  std::string shown = text ? fmt::format("\"{}\"", Printable(head)) : absl::BytesToHexString(Av(head));
  if (bytes.size() > head.size()) shown += "…";
  return shown;
}

std::string Where(const v1::ContentDifference& difference) {
  std::string where;
  for (const std::string& part : difference.inside()) where += Printable(part) + ": ";
  return where + Printable(difference.place());
}

std::string Doubt(v1::Cause::Confidence confidence) {
  switch (confidence) {
    case v1::Cause::CONFIDENCE_LIKELY:
      return "likely ";
    case v1::Cause::CONFIDENCE_POSSIBLE:
      return "possibly ";
    default:
      return "";
  }
}

std::string Sides(const v1::ContentDifference& difference, const std::string& indent) {
  return fmt::format("{0}  first  {1}\n{0}  second {2}\n", indent, Shown(difference.first()),
                     Shown(difference.second()));
}

std::string RenderGroup(const v1::CauseGroup& group, const TextOptions& options, const std::string& indent,
                        bool with_bytes) {
  const v1::Cause& cause = group.cause();
  std::string result = fmt::format(
      "{}{} {}\n", indent,
      Paint(fmt::format("{}{}", Doubt(cause.confidence()), cause.class_()), Ink::kYellow, options.colour),
      Named(group.paths(), group.paths_total()));
  if (!cause.evidence().empty()) result += fmt::format("{}  {}\n", indent, Printable(cause.evidence()));
  if (with_bytes && group.has_example()) {
    if (const std::string where = Where(group.example()); !where.empty())
      result += fmt::format("{}  at {}\n", indent, where);
    result += Sides(group.example(), indent);
  }
  if (!cause.remedy().empty()) {
    result += fmt::format("{}  {} {}\n", indent, Paint("remedy:", Ink::kGreen, options.colour),
                          Printable(cause.remedy()));
  }
  for (const std::string& line : cause.remedy_lines())
    result += fmt::format("{}    {}\n", indent, Printable(line));
  if (group.derived_total() > 0) {
    result += fmt::format("{}  {} only because of it: {}\n", indent,
                          group.derived_total() == 1 ? "differs" : "differ",
                          Named(group.derived(), group.derived_total()));
  }
  return result;
}

// Bytes that are not UTF-8 are only there as hex.
Json BytesJson(std::string_view bytes) {
  return {{"text", ValidUtf8(bytes) == bytes ? Json(std::string(bytes)) : Json()},
          {"hex", absl::BytesToHexString(Av(bytes))}};
}

std::string_view ConfidenceWord(v1::Cause::Confidence confidence) {
  switch (confidence) {
    case v1::Cause::CONFIDENCE_CERTAIN:
      return "certain";
    case v1::Cause::CONFIDENCE_LIKELY:
      return "likely";
    case v1::Cause::CONFIDENCE_POSSIBLE:
      return "possible";
    default:
      return "unknown";
  }
}

Json CauseJson(const v1::Cause& cause) {
  return {{"class", cause.class_()},
          {"confidence", std::string(ConfidenceWord(cause.confidence()))},
          {"evidence", cause.evidence()},
          {"remedy", cause.remedy().empty() ? Json() : Json(cause.remedy())},
          {"remedy_lines", TextsJson(cause.remedy_lines())},
          {"rule", cause.rule().empty() ? Json() : Json(cause.rule())},
          {"normalize", cause.normalize().empty() ? Json() : Json(cause.normalize())}};
}

Json DifferenceJson(const v1::ContentDifference& difference) {
  Json json = {{"inside", TextsJson(difference.inside())},
               {"place", difference.place()},
               {"first", BytesJson(difference.first())},
               {"second", BytesJson(difference.second())},
               {"first_offset", difference.first_offset()},
               {"second_offset", difference.second_offset()},
               {"derived", difference.derived()}};
  json["cause"] = difference.has_cause() ? CauseJson(difference.cause()) : Json();
  return json;
}

}  // namespace

std::string RenderCauses(const v1::StepComparison& step, const TextOptions& options, int indent, size_t limit,
                         bool with_bytes) {
  const std::string blanks(static_cast<size_t>(indent), ' ');
  std::string result;
  for (const v1::InputChange& change : step.input_changes()) {
    result += fmt::format("{}{} {}: first {}, second {}\n", blanks,
                          Paint("other input", Ink::kYellow, options.colour), Printable(change.name()),
                          change.first().empty() ? "nothing" : Printable(change.first()),
                          change.second().empty() ? "nothing" : Printable(change.second()));
  }
  size_t shown = 0;
  for (const v1::CauseGroup& group : step.causes()) {
    if (shown == limit) break;
    result += RenderGroup(group, options, blanks, with_bytes);
    ++shown;
  }
  if (static_cast<size_t>(step.causes_size()) > shown) {
    result += fmt::format("{}… {} more causes\n", blanks, static_cast<size_t>(step.causes_size()) - shown);
  }
  if (!step.causes_problem().empty())
    result += fmt::format("{}({})\n", blanks, Printable(step.causes_problem()));
  return result;
}

Json CausesJson(const google::protobuf::RepeatedPtrField<v1::CauseGroup>& causes) {
  Json list = Json::array();
  for (const v1::CauseGroup& group : causes) {
    Json json = {{"cause", CauseJson(group.cause())},      {"paths", TextsJson(group.paths())},
                 {"paths_total", group.paths_total()},     {"derived", TextsJson(group.derived())},
                 {"derived_total", group.derived_total()}, {"witness", group.witness()}};
    json["example"] = group.has_example() ? DifferenceJson(group.example()) : Json();
    list.push_back(std::move(json));
  }
  return list;
}

std::string RenderFileDifference(const v1::FileDifference& file, const TextOptions& options, int indent) {
  const std::string blanks(static_cast<size_t>(indent), ' ');
  std::string result =
      fmt::format("{}/{} {}\n", blanks, Printable(file.path()),
                  Paint(fmt::format("({})", Printable(file.format())), Ink::kDim, options.colour));
  for (const v1::ContentDifference& difference : file.differences()) {
    const v1::Cause& cause = difference.cause();
    const std::string what =
        cause.class_().empty() ? std::string() : Doubt(cause.confidence()) + cause.class_();
    result += fmt::format("{}  {}{}\n", blanks, Where(difference),
                          difference.derived() ? " (only because of another difference)"
                          : what.empty()       ? std::string()
                                               : ": " + Paint(what, Ink::kYellow, options.colour));
    result += Sides(difference, blanks + "  ");
    if (!cause.evidence().empty()) result += fmt::format("{}    {}\n", blanks, Printable(cause.evidence()));
  }
  if (file.incomplete()) result += blanks + "  … there may be more\n";
  return result;
}

Json FileDifferenceJson(const v1::FileDifference& file) {
  Json list = Json::array();
  for (const v1::ContentDifference& difference : file.differences())
    list.push_back(DifferenceJson(difference));
  return {{"path", file.path()},
          {"format", file.format()},
          {"differences", std::move(list)},
          {"incomplete", file.incomplete()}};
}

Json InputChangeJson(const v1::InputChange& change) {
  const auto side = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return {{"kind", change.kind() == v1::InputChange::KIND_FETCH ? "fetch" : "package"},
          {"name", change.name()},
          {"first", side(change.first())},
          {"second", side(change.second())}};
}

std::string RenderNeutral(const v1::NeutralComparison& neutral, const TextOptions& options, size_t paths) {
  if (neutral.kinds_size() == 0 && neutral.problem().empty()) return "";
  std::string platforms;
  for (const v1::Platform& each : neutral.platforms())
    platforms += (platforms.empty() ? "" : ", ") + FormatPlatform(each);
  std::string result =
      fmt::format("{} of {}, beside the verdict\n",
                  Paint("what should be the same on every platform", Ink::kBold, options.colour), platforms);
  for (const v1::NeutralKind& kind : neutral.kinds()) {
    std::string line =
        fmt::format("  {} {} of {} equal", Printable(kind.kind()), kind.equal(), kind.compared());
    if (kind.not_everywhere() > 0)
      line += fmt::format("; {} that not every platform has, not compared", kind.not_everywhere());
    result += Paint(line, kind.equal() == kind.compared() ? Ink::kDim : Ink::kYellow, options.colour) + "\n";
  }
  const size_t shown = std::min(paths, static_cast<size_t>(neutral.differences_size()));
  for (size_t i = 0; i < shown; ++i) {
    const v1::NeutralDifference& each = neutral.differences(static_cast<int>(i));
    const v1::PathDifference& difference = each.difference();
    const std::string what = each.has_example() ? Where(each.example()) : Printable(difference.detail());
    result += fmt::format("    /{} ({}){}{}\n", Printable(difference.path()), Printable(each.kind()),
                          what.empty() ? "" : ": ", what);
    if (each.has_example()) result += Sides(each.example(), "    ");
  }
  if (neutral.differences_total() > shown)
    result += fmt::format("    … {} more\n", neutral.differences_total() - shown);
  if (!neutral.problem().empty()) result += fmt::format("    ({})\n", Printable(neutral.problem()));
  return result;
}

Json NeutralJson(const v1::NeutralComparison& neutral) {
  if (neutral.platforms_size() == 0) return {};
  Json platforms = Json::array(), kinds = Json::array(), differences = Json::array();
  for (const v1::Platform& each : neutral.platforms()) platforms.push_back(FormatPlatform(each));
  for (const v1::NeutralKind& each : neutral.kinds()) {
    kinds.push_back({{"kind", each.kind()},
                     {"compared", each.compared()},
                     {"equal", each.equal()},
                     {"not_everywhere", each.not_everywhere()}});
  }
  for (const v1::NeutralDifference& each : neutral.differences()) {
    const v1::PathDifference& difference = each.difference();
    const auto digest = [](const auto& side) {
      return side.hash().empty() ? Json() : Json("sha256:" + side.hash());
    };
    const auto index = static_cast<int>(each.platform());
    const bool known = index < neutral.platforms_size();
    differences.push_back({{"path", ValidUtf8(difference.path())},
                           {"kind", each.kind()},
                           {"platform", known ? Json(FormatPlatform(neutral.platforms(index))) : Json()},
                           {"difference", std::string(Word(difference.kind()))},
                           {"detail", difference.detail().empty() ? Json() : Json(difference.detail())},
                           {"first", digest(difference.first())},
                           {"second", digest(difference.second())},
                           {"example", each.has_example() ? DifferenceJson(each.example()) : Json()}});
  }
  return {{"platforms", std::move(platforms)},
          {"kinds", std::move(kinds)},
          {"differences", std::move(differences)},
          {"differences_total", neutral.differences_total()},
          {"problem", neutral.problem().empty() ? Json() : Json(neutral.problem())}};
}

}  // namespace crossmill::cli
