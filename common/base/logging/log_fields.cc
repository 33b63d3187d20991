#include "common/base/logging/log_fields.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill {
namespace {

// "{}", "{3}", "{:.3f}": what a format string has a value's place by.
struct Placeholder {
  // The value's number; nothing if that depends on other values.
  std::optional<int> value;
  // ":.3f", or empty.
  std::string_view spec;
};

// Follows the numbering of values through a format string, which the compiler has checked.
class Placeholders {
 public:
  // Of the text between the braces.
  Placeholder Next(std::string_view content) {
    const size_t colon = content.find(':');
    const std::string_view number = content.substr(0, colon);
    Placeholder place;
    place.spec = colon == std::string_view::npos ? std::string_view() : content.substr(colon);
    int value = 0;
    if (number.empty()) {
      place.value = next_++;
    } else if (absl::SimpleAtoi(Av(number), &value)) {
      place.value = value;
    }
    // Width and precision may be values themselves.
    const auto nested = std::count(place.spec.begin(), place.spec.end(), '{');
    if (nested > 0) place.value.reset();
    if (number.empty()) next_ += static_cast<int>(nested);
    return place;
  }

 private:
  int next_ = 0;
};

// The place in `text` behind the placeholder that begins at `at`.
size_t EndOfPlaceholder(std::string_view text, size_t at) {
  int depth = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at + 1;
  }
  return at;
}

bool IsNameCharacter(char c) { return absl::ascii_islower(static_cast<unsigned char>(c)) || c == '_'; }

// "build" of "... build="; empty if it does not end that way.
std::string_view NameBefore(std::string_view text) {
  if (!text.ends_with('=')) return "";
  text.remove_suffix(1);
  size_t begin = text.size();
  while (begin > 0 && IsNameCharacter(text[begin - 1])) --begin;
  if (begin > 0 && text[begin - 1] != ' ' && text[begin - 1] != '(') return "";
  return text.substr(begin);
}

bool EndsWord(std::string_view rest) {
  return rest.empty() || std::string_view(" :;,)").find(rest.front()) != std::string_view::npos;
}

Json ValueOf(const Placeholder& place, fmt::format_args values) {
  const auto value = values.get(*place.value);
  if (place.spec.empty()) {
    const Json number = fmt::visit_format_arg(
        [](auto plain) -> Json {
          using Type = decltype(plain);
          if constexpr (std::is_same_v<Type, bool>) {
            return plain;
          } else if constexpr (std::is_integral_v<Type> && !std::is_same_v<Type, char> && sizeof(Type) <= 8) {
            return plain;
          } else {
            return nullptr;
          }
        },
        value);
    if (!number.is_null()) return number;
  }
  return Printable(fmt::vformat(fmt::format("{{{}{}}}", *place.value, place.spec), values));
}

}  // namespace

Json LogFieldsOf(fmt::string_view format, fmt::format_args values) {
  Json fields = Json::object();
  const std::string_view text(format.data(), format.size());
  Placeholders places;
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '{') {
      ++at;
      continue;
    }
    // "{{" is a brace.
    if (text.substr(at).starts_with("{{")) {
      at += 2;
      continue;
    }
    const size_t end = EndOfPlaceholder(text, at);
    const Placeholder place = places.Next(text.substr(at + 1, end - at - 2));
    const std::string_view name = NameBefore(text.substr(0, at));
    if (place.value && !name.empty() && EndsWord(text.substr(end)) && !fields.contains(name))
      fields[std::string(name)] = ValueOf(place, values);
    at = end;
  }
  return fields;
}

std::string JsonLogLine(absl::Time time, std::string_view program, std::string_view level,
                        std::string_view message, const Json& fields) {
  Json line = Json::object();
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
  line["program"] = program;
  line["level"] = level;
  line["message"] = message;
  for (const auto& [name, value] : fields.items()) {
    if (!line.contains(name)) line[name] = value;
  }
  return WriteJson(line);
}

}  // namespace crossmill
