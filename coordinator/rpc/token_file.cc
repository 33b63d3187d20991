#include "coordinator/rpc/token_file.h"

#include <algorithm>
#include <random>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/rpc/peers/worker_names.h"

namespace crossmill::coordinator {
namespace {

// The first word of `text`, which loses it and the blanks around it.
std::string_view TakeWord(std::string_view* text) {
  constexpr std::string_view kBlanks = " \t\r";
  text->remove_prefix(std::min(text->find_first_not_of(kBlanks), text->size()));
  const std::string_view word = text->substr(0, text->find_first_of(kBlanks));
  text->remove_prefix(word.size());
  return word;
}

// `client` and `both` are of before clients had roles: they may do what they could, which is everything.
absl::StatusOr<TokenRecord> ParseRole(std::string_view role) {
  TokenRecord record;
  record.worker = role == "worker" || role == "both";
  record.client = ParseClientRole(role).value_or(v1::ACCESS_UNSPECIFIED);
  // Whoever may write to the file would be admin by it; those that decide about others are in the record.
  if (record.client == v1::ACCESS_ADMIN)
    return absl::InvalidArgumentError(
        "role \"admin\": such tokens are not in a file; `crossmill admin token create --role admin` makes "
        "one");
  // Words of before there were several roles of clients.
  if (role == "client" || role == "both") record.client = v1::ACCESS_OPERATE;
  if (record.client == v1::ACCESS_UNSPECIFIED && !record.worker) {
    return absl::InvalidArgumentError(
        fmt::format("role \"{}\"; expected read, submit, operate or worker (or client: operate; both: "
                    "operate and worker)",
                    role));
  }
  return record;
}

absl::StatusOr<TokenRecord> ParseLine(std::string_view line) {
  const std::string_view hash = TakeWord(&line);
  if (!IsSha256Hex(hash)) return absl::InvalidArgumentError("expected the hex SHA-256 of a token first");
  ASSIGN_OR_RETURN(TokenRecord record, ParseRole(TakeWord(&line)));
  record.hash = std::string(hash);
  record.name = std::string(TakeWord(&line));
  return record;
}

}  // namespace

absl::StatusOr<std::vector<TokenRecord>> ReadTokenFile(const std::string& path) {
  std::vector<TokenRecord> tokens;
  if (!Exists(path)) return tokens;
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, 1 << 20));
  std::string_view rest = content;
  for (int number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    std::string_view first = line;
    const std::string_view word = TakeWord(&first);
    if (word.empty() || word.starts_with('#')) continue;
    auto record = ParseLine(line);
    if (!record.ok()) return Annotate(record.status(), fmt::format("{}:{}", path, number));
    tokens.push_back(*std::move(record));
  }
  return tokens;
}

std::string NewToken() {
  std::random_device random;
  std::string token = "cm-";
  for (int i = 0; i < 8; ++i) token += fmt::format("{:08x}", random());
  return token;
}

absl::StatusOr<TokenRecord> MakeTokenRecord(std::string_view token, std::string_view role,
                                            std::string_view name) {
  ASSIGN_OR_RETURN(TokenRecord record, ParseRole(role));
  record.hash = Sha256Hex(token);
  record.name = std::string(name);
  return record;
}

absl::StatusOr<std::string> AddToken(const std::string& path, std::string_view role, std::string_view name) {
  RETURN_IF_ERROR(ReadTokenFile(path).status());
  if (name.empty() || name.find_first_of(" \t\r\n") != std::string_view::npos) {
    return absl::InvalidArgumentError("a token's name is one word");
  }
  std::string token = NewToken();
  ASSIGN_OR_RETURN(const TokenRecord record, MakeTokenRecord(token, role, name));
  if (record.worker) RETURN_IF_ERROR(CheckWorkerPattern(name));
  std::string content;
  if (Exists(path)) {
    ASSIGN_OR_RETURN(content, ReadFile(path, 1 << 20));
  }
  if (!content.empty() && content.back() != '\n') content += '\n';
  content += fmt::format("{} {} {}\n", record.hash, role, name);
  RETURN_IF_ERROR(WriteFileAtomic(path, content, 0600, /*durable=*/true));
  return token;
}

}  // namespace crossmill::coordinator
