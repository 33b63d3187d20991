// The day of the last change of passwords in a shadow file (shadow(5), third field: days since 1970). Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace crossmill::worker {

struct AccountDays {
  // Those on which a step ran: what it set has one of them.
  int64_t first = 0;
  int64_t last = 0;
  // How many days later the same days were to programs that were shown another clock (docs/formats.md,
  // "Variations").
  int64_t shift = 0;
  // That the accounts get instead; at least 1, because 0 asks for a new password at the next login.
  int64_t epoch = 1;
};

struct AccountDates {
  std::string content;
  // Names of the accounts whose day was changed, in order.
  std::vector<std::string> changed;
  // Of those whose password expires some days after its last change: another day would be another day of
  // expiry, so they keep theirs.
  std::vector<std::string> expiring;
};

// `known`: lines that were there before the step, which stay as they are, like lines that are no account's.
AccountDates ResetAccountDates(std::string_view content, const std::set<std::string>& known,
                               const AccountDays& days);

// Without line feeds; empty ones are left out.
std::set<std::string> LinesOf(std::string_view content);

}  // namespace crossmill::worker
