// What libarchive keeps to itself of a tar or an ar: pax records, the rest of each header, what fills up the
// last block of a member, and what stands behind the end.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/formats.h"
#include "common/layer/ustar.h"

namespace crossmill::compare {
namespace {

namespace ustar = layer::ustar;
using ustar::kBlock;

// What pax headers say.
struct PaxRecords {
  // Of the writer and not of the files: the names of extended headers (some hold a process id), and times
  // that no reader restores.
  std::set<std::string> noise;
  // Of the files, and what is not told with their members: attributes, access lists, comments. Each with the
  // name of its member.
  std::set<std::string> others;
};

bool IsNoise(std::string_view record) {
  return record.starts_with("atime=") || record.starts_with("ctime=") ||
         record.starts_with("LIBARCHIVE.creationtime=");
}

bool IsToldWithMember(std::string_view record) {
  for (const std::string_view key :
       {"mtime=", "path=", "linkpath=", "size=", "uid=", "gid=", "uname=", "gname=", "hdrcharset="}) {
    if (record.starts_with(key)) return true;
  }
  return false;
}

// Records: "LENGTH KEY=VALUE" with a line feed, the length being that of all of it. What is none is kept
// whole.
void ReadPaxRecords(std::string_view records, std::string_view member, PaxRecords* pax) {
  while (!records.empty()) {
    size_t length = 0, digits = 0;
    for (; digits < records.size() && digits < 9 && records[digits] >= '0' && records[digits] <= '9';
         ++digits)
      length = length * 10 + static_cast<size_t>(records[digits] - '0');
    if (length <= digits + 2 || length > records.size()) {
      pax->others.insert(fmt::format("{} of {}, which is no record", records, member));
      return;
    }
    const std::string_view record = records.substr(digits + 1, length - digits - 2);
    if (IsNoise(record)) {
      pax->noise.emplace(record);
    } else if (!IsToldWithMember(record)) {
      pax->others.insert(fmt::format("{} of {}", record, member));
    }
    records.remove_prefix(length);
  }
}

std::string_view NameInHeader(std::string_view header) { return ustar::GetText(header.data(), ustar::kName); }

// What fills up is zero bytes.
std::string_view WithoutZeros(std::string_view bytes) {
  const size_t last = bytes.find_last_not_of('\0');
  return bytes.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

struct TarRemains {
  PaxRecords pax;
  // Of the headers and what is behind contents: what is not told with the members. By the name in the header,
  // as often as it is there, in order.
  std::map<std::string, std::vector<std::string>> others;
  // From the end of the archive on, or from what is no header.
  std::string_view rest;
  // The rest begins where an archive ends.
  bool ended = false;
};

bool HasChecksum(std::string_view header) {
  const auto told = ustar::GetNumber(header.data(), ustar::kChecksum);
  const ustar::Checksum sum = ustar::ChecksumOf(header.data());
  return told && (*told == sum.as_unsigned || *told == sum.as_signed);
}

// Without what libarchive tells of a member.
std::string WithoutTold(std::string_view header) {
  std::string others(header);
  const auto blank = [&](size_t begin, size_t end) { std::fill(&others[begin], &others[end], '\0'); };
  const char type = header[156];
  // Name and numbers, checksum; link; owners by name.
  blank(0, 156);
  blank(157, 257);
  blank(265, 329);
  if (type == '3' || type == '4') blank(329, 345);
  // The beginning of a long name; GNU has other things there.
  if (header.substr(257, 6) == std::string_view("ustar\0", 6)) blank(345, 500);
  return others;
}

TarRemains TarRemainsOf(std::string_view tar) {
  TarRemains remains;
  size_t at = 0;
  while (at + kBlock <= tar.size()) {
    const std::string_view header = tar.substr(at, kBlock);
    remains.ended = WithoutZeros(header).empty();
    if (remains.ended || !HasChecksum(header)) break;
    const char type = header[156];
    const bool has_content = type < '1' || type > '6';
    const auto told = has_content ? ustar::GetNumber(header.data(), ustar::kSize) : std::optional<int64_t>(0);
    if (!told || *told < 0 || static_cast<uint64_t>(*told) > tar.size() - at - kBlock) break;
    const auto size = static_cast<size_t>(*told);
    const size_t next = std::min(tar.size(), at + kBlock + (size + kBlock - 1) / kBlock * kBlock);
    const std::string_view content = tar.substr(at + kBlock, size);
    const std::string_view filling = tar.substr(at + kBlock + size, next - at - kBlock - size);
    if (type == 'x' || type == 'g') {
      remains.pax.noise.insert(fmt::format("name {}", NameInHeader(header)));
      const bool has_member = type == 'x' && next + kBlock <= tar.size();
      ReadPaxRecords(content, has_member ? NameInHeader(tar.substr(next)) : "all", &remains.pax);
      remains.others["pax headers"].emplace_back(WithoutZeros(filling));
    } else if (type == 'L' || type == 'K') {
      // A name that is too long for the header, to its first zero byte.
      const size_t end = std::min(content.find('\0'), content.size());
      remains.others["long names"].emplace_back(
          WithoutZeros(tar.substr(at + kBlock + end, next - at - kBlock - end)));
    } else {
      std::string others = WithoutTold(header);
      others.resize(WithoutZeros(others).size() + 1);
      remains.others[std::string(NameInHeader(header))].push_back(others.append(WithoutZeros(filling)));
    }
    at = next;
  }
  remains.ended = remains.ended || at == tar.size();
  remains.rest = tar.substr(at);
  return remains;
}

void AddRecords(std::string_view cause, std::string_view place, const std::set<std::string>& first,
                const std::set<std::string>& second, Differences* differences) {
  if (first == second) return;
  // The first that the other side has not.
  const auto lacking = [](const std::set<std::string>& from, const std::set<std::string>& in) {
    const auto found =
        std::find_if(from.begin(), from.end(), [&](const std::string& each) { return !in.contains(each); });
    return found == from.end() ? std::string() : *found;
  };
  differences->AddOf(cause, place, lacking(first, second), lacking(second, first));
}

// What stands outside of members and headers: other bytes than line feeds that fill up a member, and less
// than a header behind the last one. nullopt: it is none.
std::optional<std::string> ArRemainsOf(std::string_view ar) {
  constexpr size_t kMagic = 8, kArHeader = 60;
  std::string remains;
  size_t at = kMagic;
  while (at + kArHeader <= ar.size()) {
    const std::string_view header = ar.substr(at, kArHeader);
    if (!header.ends_with("`\n")) return std::nullopt;
    uint64_t size = 0;
    for (const char digit : header.substr(48, 10)) {
      if (digit >= '0' && digit <= '9') size = size * 10 + static_cast<uint64_t>(digit - '0');
    }
    if (size > ar.size() - at - kArHeader) return std::nullopt;
    at += kArHeader + size;
    if (size % 2 == 0 || at == ar.size()) continue;
    if (ar[at] != '\n') remains += ar[at];
    ++at;
  }
  return remains.append(ar.substr(std::min(at, ar.size())));
}

// Names that one side alone has are told as members.
void CompareHeaders(const TarRemains& first, const TarRemains& second, Differences* differences) {
  for (const auto& [name, ours] : first.others) {
    const auto found = second.others.find(name);
    if (found == second.others.end() || found->second.size() != ours.size()) continue;
    const auto [a, b] = std::mismatch(ours.begin(), ours.end(), found->second.begin());
    if (a == ours.end()) continue;
    const Differences::Part part(*differences, fmt::format("other fields in the header of {}", name));
    return CompareBytes(*a, *b, differences);
  }
}

// From its first block on that is not of zero bytes.
std::string_view WithoutEnd(std::string_view rest) {
  const size_t first = rest.find_first_not_of('\0');
  return first == std::string_view::npos ? std::string_view() : rest.substr(first / kBlock * kBlock);
}

}  // namespace

absl::Status CompareTarRemains(std::string_view first, std::string_view second, int told,
                               const ComparePart& compare_part, Differences* differences) {
  const TarRemains ours = TarRemainsOf(first), theirs = TarRemainsOf(second);
  AddRecords("pax-header", "pax headers", ours.pax.noise, theirs.pax.noise, differences);
  AddRecords("", "attributes and comments in pax headers", ours.pax.others, theirs.pax.others, differences);
  CompareHeaders(ours, theirs, differences);
  if (WithoutZeros(ours.rest) == WithoutZeros(theirs.rest)) return absl::OkStatus();
  if (!ours.ended || !theirs.ended) {
    // Members may be in it, which are told. Where nothing else differs, the bytes are compared.
    if (differences->count() > told) differences->SetIncomplete();
    return absl::OkStatus();
  }
  // Another archive there is read by those who ask for it.
  const Differences::Part part(*differences, "bytes behind the end");
  return compare_part("", WithoutEnd(ours.rest), WithoutEnd(theirs.rest));
}

void CompareArRemains(std::string_view first, std::string_view second, int told, Differences* differences) {
  const auto ours = ArRemainsOf(first), theirs = ArRemainsOf(second);
  if (!ours || !theirs) {
    if (differences->count() > told) differences->SetIncomplete();
    return;
  }
  if (*ours == *theirs) return;
  const Differences::Part part(*differences, "bytes outside of members");
  CompareBytes(*ours, *theirs, differences);
}

}  // namespace crossmill::compare
