#include "worker/tree/file_mode.h"

#include <charconv>

#include "common/base/status.h"

namespace crossmill::worker {

absl::StatusOr<const char*> FileMode::ParseActions(const char* at, const char* end, uint32_t who) {
  do {
    if (at == end || (*at != '+' && *at != '-' && *at != '='))
      return absl::InvalidArgumentError("expected +, - or =");
    Clause clause;
    clause.who = who;
    clause.action = *at++;
    if (at != end && (*at == 'u' || *at == 'g' || *at == 'o')) {
      clause.copy = *at++;
    } else {
      for (; at != end && *at != ',' && *at != '+' && *at != '-' && *at != '='; ++at) {
        switch (*at) {
          case 'r':
            clause.bits |= 4;
            break;
          case 'w':
            clause.bits |= 2;
            break;
          case 'x':
            clause.bits |= 1;
            break;
          case 'X':
            clause.conditional_execute = true;
            break;
          case 's':
            clause.set_id = true;
            break;
          case 't':
            clause.sticky = true;
            break;
          default:
            return absl::InvalidArgumentError("permissions are r, w, x, X, s and t");
        }
      }
    }
    clauses_.push_back(clause);
  } while (at != end && *at != ',');
  return at;
}

absl::StatusOr<FileMode> FileMode::Parse(std::string_view text) {
  FileMode mode;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto [stop, error] = std::from_chars(at, end, mode.value_, 8);
  if (error == std::errc() && stop == end && mode.value_ <= 07777) {
    mode.octal_ = true;
    return mode;
  }
  while (true) {
    uint32_t who = 0;
    for (; at != end; ++at) {
      if (*at == 'u')
        who |= 0700;
      else if (*at == 'g')
        who |= 0070;
      else if (*at == 'o')
        who |= 0007;
      else if (*at == 'a')
        who |= 0777;
      else
        break;
    }
    const auto next = mode.ParseActions(at, end, who == 0 ? 0777 : who);
    if (!next.ok()) {
      return absl::InvalidArgumentError(
          fmt::format("invalid mode '{}': {}; modes are octal (0755) or symbolic (u=rwX,go=rX)", text,
                      Sv(next.status().message())));
    }
    if (*next == end) return mode;
    at = *next + 1;
  }
}

uint32_t FileMode::Apply(uint32_t mode, bool is_folder) const {
  if (octal_) return value_;
  for (const Clause& clause : clauses_) {
    uint32_t bits = clause.bits;
    if (clause.copy != 0) bits = (mode >> (clause.copy == 'u' ? 6 : clause.copy == 'g' ? 3 : 0)) & 7;
    if (clause.conditional_execute && (is_folder || (mode & 0111) != 0)) bits |= 1;
    uint32_t wanted = (bits * 0111) & clause.who;
    uint32_t cleared = clause.who;
    if (clause.set_id)
      wanted |= ((clause.who & 0700) != 0 ? 04000 : 0) | ((clause.who & 0070) != 0 ? 02000 : 0);
    if (clause.sticky) wanted |= 01000;
    // "=" clears the set-id bits of its classes too, but on folders only what it names.
    if (!is_folder)
      cleared |= ((clause.who & 0700) != 0 ? 04000 : 0) | ((clause.who & 0070) != 0 ? 02000 : 0);
    if (clause.action == '+') mode |= wanted;
    if (clause.action == '-') mode &= ~wanted;
    if (clause.action == '=') mode = (mode & ~cleared) | wanted;
  }
  return mode;
}

}  // namespace crossmill::worker
