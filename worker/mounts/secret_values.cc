#include "worker/mounts/secret_values.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <unordered_set>
#include <utility>

namespace crossmill::worker {
namespace {

using Kind = SecretValue::Kind;

constexpr auto npos = std::string_view::npos;
constexpr std::string_view kSpace = " \t\r";
constexpr std::string_view kQuotes = "\"'`";
// Where a URL ends in a text that is not only a URL.
constexpr std::string_view kUrlEnd = " \t\r\n\"'`<>,;";
constexpr size_t kTokenRun = 8;
// A value of a name that does not say that it is secret, in a line of fields (HOST:PORT:NAME:USER:PASSWORD).
constexpr size_t kShortestField = 6;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
bool IsLetter(char c) { return Lower(c) >= 'a' && Lower(c) <= 'z'; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return Lower(x) == Lower(y); });
}

bool ContainsIgnoringCase(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char x, char y) { return Lower(x) == Lower(y); }) != text.end();
}

bool EndsIgnoringCase(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && EqualsIgnoringCase(text.substr(text.size() - end.size()), end);
}

std::string_view Trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  while (!text.empty() && kSpace.find(text.back()) != npos) text.remove_suffix(1);
  return text;
}

// Does the name of a setting say that its value is secret? "password", "PIP_TOKEN", "//host/:_authToken".
bool NamesSecret(std::string_view name) {
  for (std::string_view end :
       {"url", "uri", "file", "path", "host", "user", "username", "id", "type", "ttl"}) {
    // ACCESS_KEY_ID is one all the same.
    if (EndsIgnoringCase(name, end) && !ContainsIgnoringCase(name, "key_id")) return false;
  }
  for (std::string_view word : {"pass", "pwd", "secret", "token", "credential", "apikey", "api_key",
                                "api-key", "access_key", "accesskey", "private", "signature"}) {
    if (ContainsIgnoringCase(name, word)) return true;
  }
  for (std::string_view end : {"key", "auth", "key_id", "authorization"}) {
    if (EndsIgnoringCase(name, end)) return true;
  }
  return false;
}

// A line that only gives the file its form: "[global]", "{", "-----BEGIN KEY-----".
bool IsForm(std::string_view line) {
  if (line.starts_with("-----") && line.ends_with("-----")) return true;
  if (line.starts_with('[') && line.ends_with(']') && line.find_first_of("\"',=") == npos) return true;
  return std::none_of(line.begin(), line.end(), [](char c) {
    return IsLetter(c) || IsDigit(c) || static_cast<unsigned char>(c) >= 0x80;
  });
}

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  return Lower(c) >= 'a' && Lower(c) <= 'f' ? Lower(c) - 'a' + 10 : -1;
}

WipedBytes PercentDecoded(std::string_view text) {
  WipedBytes decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && HexDigit(text[i + 1]) >= 0 && HexDigit(text[i + 2]) >= 0) {
      decoded.push_back(static_cast<char>(HexDigit(text[i + 1]) * 16 + HexDigit(text[i + 2])));
      i += 2;
    } else {
      decoded.push_back(text[i]);
    }
  }
  return decoded;
}

// What a JSON string's inside means. \u escapes beyond ASCII stay as they are.
WipedBytes JsonDecoded(std::string_view text) {
  WipedBytes decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      decoded.push_back(text[i]);
      continue;
    }
    const char escape = text[++i];
    constexpr std::string_view kNames = "nrtbf";
    constexpr std::string_view kMeanings = "\n\r\t\b\f";
    if (const size_t known = kNames.find(escape); known != npos) {
      decoded.push_back(kMeanings[known]);
    } else if (escape == 'u' && text.substr(i + 1, 2) == "00" && i + 4 < text.size() &&
               HexDigit(text[i + 3]) >= 0 && HexDigit(text[i + 4]) >= 0) {
      decoded.push_back(static_cast<char>(HexDigit(text[i + 3]) * 16 + HexDigit(text[i + 4])));
      i += 4;
    } else {
      decoded.push_back(escape);
    }
  }
  return decoded;
}

// Of either alphabet, with or without padding; empty for what is not base64 of text.
WipedBytes TextInBase64(std::string_view text) {
  WipedBytes decoded;
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.size() < 6 || text.size() % 4 == 1) return decoded;
  decoded.reserve(text.size());
  unsigned bits = 0;
  int count = 0;
  for (char c : text) {
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<unsigned>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<unsigned>(c - 'a') + 26;
    else if (IsDigit(c))
      value = static_cast<unsigned>(c - '0') + 52;
    else if (c == '+' || c == '-')
      value = 62;
    else if (c == '/' || c == '_')
      value = 63;
    else
      return {};
    bits = bits << 6 | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded.push_back(static_cast<char>(bits >> count & 0xff));
  }
  const bool printable = std::all_of(decoded.begin(), decoded.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f;
  });
  return printable ? decoded : WipedBytes{};
}

// Collects the values of one secret.
class Extraction {
 public:
  std::vector<SecretValue> Take(std::string_view secret) {
    while (secret.ends_with('\n') || secret.ends_with('\r')) secret.remove_suffix(1);
    if (secret.size() >= kShortestSecret) Add(Kind::kWhole, secret);
    const bool lines = secret.find('\n') != npos;
    for (std::string_view rest = secret; !rest.empty();) {
      const size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = Trimmed(rest.substr(0, end));
      if (lines && !IsForm(line) && !IsCommonText(line)) Add(Kind::kLine, line);
      TakeSetting(line);
      TakeUrls(line);
      TakeFields(line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    TakeQuoted(secret);
    TakeNetrc(secret);
    return std::move(found_);
  }

 private:
  // `named`: its place says that it is secret.
  void TakeValue(std::string_view value, bool named, int depth = 0) {
    value = Trimmed(value);
    if (IsCommonText(value) || IsForm(value)) return;
    if (value.find("://") != npos) {
      TakeUrls(value);
      return;
    }
    // "Bearer TOKEN", "Basic BASE64", "token TOKEN": the scheme is no part of it.
    if (const size_t space = value.find(' '); space != npos) {
      const std::string_view scheme = value.substr(0, space);
      for (std::string_view known : {"bearer", "basic", "token", "negotiate"}) {
        if (EqualsIgnoringCase(scheme, known)) return TakeValue(value.substr(space + 1), true, depth);
      }
    }
    if (!named && !LooksLikeToken(value)) return;
    Add(Kind::kInner, value);
    AddDecoded(value, PercentDecoded(value));
    // The `auth` of docker's and npm's files: base64 of USER:PASSWORD.
    if (depth > 0) return;
    const WipedBytes inside = TextInBase64(value);
    const size_t colon = View(inside).find(':');
    if (colon == npos) return;
    AddDecoded(value, inside);
    TakeValue(View(inside).substr(colon + 1), true, depth + 1);
  }

  // NAME=VALUE, NAME = VALUE, NAME: VALUE, export NAME=VALUE, also with quotes and a comment behind.
  void TakeSetting(std::string_view line) {
    size_t separator = npos;
    for (size_t i = 0; i < line.size(); ++i) {
      const bool colon = line[i] == ':' && i + 1 < line.size() && (kSpace.find(line[i + 1]) != npos);
      if (line[i] != '=' && !colon) continue;
      separator = i;
      break;
    }
    if (separator == npos || separator == 0) return;
    const std::string_view name = Trimmed(line.substr(0, separator));
    std::string_view value = Trimmed(line.substr(separator + 1));
    const bool named = NamesSecret(Unquoted(name));
    if (!value.empty() && kQuotes.find(value.front()) != npos) {
      const size_t end = value.find(value.front(), 1);
      if (end != npos) return TakeValue(value.substr(1, end - 1), named);
    }
    while (value.ends_with(',') || value.ends_with(';')) value.remove_suffix(1);
    TakeValue(value, named);
    // What may be a comment may be a part of the value as well.
    for (std::string_view mark : {" #", " ;", "\t#"}) {
      if (const size_t comment = value.find(mark); comment != npos) {
        TakeValue(value.substr(0, comment), named);
      }
    }
  }

  // Passwords in URLs, and tokens in the place of a user.
  void TakeUrls(std::string_view text) {
    for (size_t scheme = text.find("://"); scheme != npos; scheme = text.find("://", scheme + 3)) {
      std::string_view rest = text.substr(scheme + 3);
      rest = rest.substr(0, rest.find_first_of(kUrlEnd));
      std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
      // A password with a slash in it is no right URL, but such are written.
      if (authority.find('@') == npos && rest.find('@') != npos && authority.find(':') != npos &&
          !std::all_of(authority.begin() + static_cast<std::ptrdiff_t>(authority.find(':')) + 1,
                       authority.end(), IsDigit)) {
        authority = rest;
      }
      const size_t at = authority.rfind('@');
      if (at != npos) {
        const std::string_view login = authority.substr(0, at);
        const size_t colon = login.find(':');
        TakeValue(login.substr(0, colon), false);
        if (colon != npos) TakeValue(login.substr(colon + 1), true);
      }
      TakeQuery(rest);
    }
  }

  // ?access_token=... and the like.
  void TakeQuery(std::string_view url) {
    size_t begin = url.find_first_of("?&#");
    while (begin != npos) {
      const size_t end = url.find_first_of("&#", begin + 1);
      const std::string_view pair = url.substr(begin + 1, end == npos ? npos : end - begin - 1);
      const size_t equals = pair.find('=');
      if (equals != npos) TakeValue(pair.substr(equals + 1), NamesSecret(pair.substr(0, equals)));
      begin = end;
    }
  }

  // HOST:PORT:NAME:USER:PASSWORD and USER:PASSWORD.
  void TakeFields(std::string_view line) {
    const size_t colon = line.rfind(':');
    if (colon == npos || line.find_first_of(" \t\"'=") != npos || line.find("://") != npos) return;
    const std::string_view last = line.substr(colon + 1);
    TakeValue(last, last.size() >= kShortestField && !last.starts_with('/'));
  }

  // Strings in double quotes; after "NAME" and a colon it is that name's value.
  void TakeQuoted(std::string_view text) {
    std::string_view name;
    for (size_t begin = text.find('"'); begin != npos;) {
      size_t end = begin + 1;
      while (end < text.size() && text[end] != '"' && text[end] != '\n') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size()) return;
      if (text[end] != '"') {  // A quote that is none.
        begin = text.find('"', end);
        continue;
      }
      const std::string_view inside = text.substr(begin + 1, end - begin - 1);
      const std::string_view after = Trimmed(text.substr(end + 1));
      if (after.starts_with(':')) {
        name = inside;
      } else {
        TakeQuotedValue(inside, NamesSecret(name));
        // The strings of a list have the list's name.
        if (!after.starts_with(',')) name = {};
      }
      begin = text.find('"', end + 1);
    }
  }

  void TakeQuotedValue(std::string_view inside, bool named) {
    TakeValue(inside, named);
    if (inside.find('\\') == npos) return;
    const WipedBytes decoded = JsonDecoded(inside);
    TakeValue(View(decoded), named);
    // A key in one string.
    if (View(decoded).find('\n') == npos) return;
    for (SecretValue& value : Extraction().Take(View(decoded))) {
      Add(value.kind == Kind::kWhole ? Kind::kInner : value.kind, View(value.text));
    }
  }

  // machine NAME login USER password VALUE, over lines.
  void TakeNetrc(std::string_view text) {
    constexpr std::string_view kAnySpace = " \t\r\n";
    std::string_view before;
    while (true) {
      text.remove_prefix(std::min(text.find_first_not_of(kAnySpace), text.size()));
      if (text.empty()) return;
      const std::string_view word = text.substr(0, text.find_first_of(kAnySpace));
      if (before == "password" || before == "account") TakeValue(Unquoted(word), true);
      before = word;
      text.remove_prefix(word.size());
    }
  }

  static std::string_view Unquoted(std::string_view text) {
    if (text.size() < 2 || kQuotes.find(text.front()) == npos || text.back() != text.front()) return text;
    return text.substr(1, text.size() - 2);
  }

  void AddDecoded(std::string_view written, const WipedBytes& decoded) {
    if (View(decoded) != written && !IsCommonText(View(decoded))) Add(Kind::kInner, View(decoded));
  }

  void Add(Kind kind, std::string_view text) {
    if (text.size() < kShortestSecret || known_.contains(text)) return;
    found_.push_back({kind, ToWiped(text)});
    known_.insert(View(found_.back().text));
  }

  std::vector<SecretValue> found_;
  // Views of found_: its texts stay where they are when it grows.
  std::unordered_set<std::string_view> known_;
};

}  // namespace

std::vector<SecretValue> SecretValues(std::string_view secret) { return Extraction().Take(secret); }

bool IsCommonText(std::string_view text) {
  constexpr std::array kWords = {
      "true",           "false",       "none",          "null",           "https",        "http",
      "file",           "root",        "admin",         "user",           "users",        "username",
      "login",          "password",    "passwd",        "token",          "secret",       "default",
      "global",         "install",     "machine",       "localhost",      "basic",        "bearer",
      "oauth2",         "test",        "main",          "master",         "latest",       "always",
      "never",          "info",        "debug",         "error",          "warning",      "production",
      "staging",        "development", "python",        "node",           "java",         "yes",
      "account",        "guest",       "anonymous",     "__token__",      "postgres",     "mysql",
      "changeme",       "required",    "optional",      "enabled",        "disabled",     "auto",
      "name",           "value",       "x-oauth-basic", "x-access-token", "x-token-auth", "oauth2accesstoken",
      "gitlab-ci-token"};
  if (text.size() < kShortestSecret) return true;
  if (std::any_of(kWords.begin(), kWords.end(),
                  [&](std::string_view word) { return EqualsIgnoringCase(text, word); })) {
    return true;
  }
  // Ports, years, sizes; versions and addresses.
  const bool number = text.find_first_not_of("0123456789") == npos;
  const bool version = text.find_first_not_of("0123456789.") == npos;
  return (number && text.size() < 6) || (version && !number);
}

bool LooksLikeToken(std::string_view text) {
  size_t letters = 0;
  size_t digits = 0;
  for (char c : text) {
    if (IsLetter(c)) {
      ++letters;
    } else if (IsDigit(c)) {
      ++digits;
    } else {
      letters = digits = 0;
    }
    if (letters > 0 && digits > 0 && letters + digits >= kTokenRun) return true;
  }
  return false;
}

WipedBytes PercentEncoded(std::string_view text, bool upper_case) {
  const char* digits = upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
  WipedBytes encoded;
  encoded.reserve(text.size() * 3);
  for (char c : text) {
    if (IsLetter(c) || IsDigit(c) || std::string_view("-._~").find(c) != npos) {
      encoded.push_back(c);
      continue;
    }
    encoded.push_back('%');
    encoded.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    encoded.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  if (encoded.size() == text.size()) encoded.clear();
  return encoded;
}

}  // namespace crossmill::worker
