#include "coordinator/audit/audit_chain.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// No farm keeps more.
constexpr int kMostFiles = 99;
constexpr size_t kMostProblems = 50;

struct Link {
  int64_t number = 0;
  std::string before;
};

// What a line says of the one before it; number 0 for one that says nothing.
Link LinkOf(std::string_view line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  Link link;
  if (!json.is_object()) return link;
  const auto number = json.find("number");
  const auto before = json.find("before");
  if (number == json.end() || !number->is_number_integer() || before == json.end() || !before->is_string())
    return link;
  link.number = number->get<int64_t>();
  link.before = before->get<std::string>();
  return link;
}

class Verifier {
 public:
  explicit Verifier(const std::optional<AuditHead>& kept) : kept_(kept) {}

  absl::Status Visit(const AuditPlace& place, std::string_view line) {
    if (place.line == 1) ++report_.files;
    ++report_.lines;
    const Link link = LinkOf(line);
    const std::string hash = Sha256Hex(line);
    if (link.number == 0) {
      ++report_.unchained;
      if (report_.last.number > 0) Tell(place, "is no line of the chain: it was put there or changed");
      // The first of the chain follows from the last without number.
      if (report_.last.number == 0) report_.last.hash = hash;
      return absl::OkStatus();
    }
    Follow(place, link);
    if (report_.first == 0) report_.first = link.number;
    report_.last = {link.number, hash};
    if (kept_ && kept_->number == link.number && kept_->hash != hash)
      Tell(place, fmt::format("is not line {} as the record knows it: it was changed", link.number));
    return absl::OkStatus();
  }

  AuditReport Finish() {
    if (kept_ && kept_->number > report_.last.number)
      Add(fmt::format(
          "the log ends with line {}, and the record knows line {}: the lines after {} are missing",
          report_.last.number, kept_->number, report_.last.number));
    return std::move(report_);
  }

 private:
  void Follow(const AuditPlace& place, const Link& link) {
    const AuditHead& last = report_.last;
    if (report_.first == 0) {
      // What is before the first file that is kept has gone with it; before the first line of all there is
      // nothing, or what has no number.
      const bool follows = link.number == 1 ? link.before == last.hash : report_.unchained == 0;
      if (!follows)
        Tell(place, "does not follow from what is before it: that was changed, or lines are missing");
      return;
    }
    if (link.number > last.number + 1) {
      Tell(place, fmt::format("is line {} and comes after line {}: {} missing", link.number, last.number,
                              link.number == last.number + 2
                                  ? fmt::format("line {} is", last.number + 1)
                                  : fmt::format("lines {} to {} are", last.number + 1, link.number - 1)));
    } else if (link.number <= last.number) {
      Tell(place, fmt::format("is line {} and comes after line {}: it was moved or put there", link.number,
                              last.number));
    } else if (link.before != last.hash) {
      Tell(place,
           fmt::format("does not follow from line {}: that one was changed, or this one", last.number));
    }
  }

  void Tell(const AuditPlace& place, std::string_view what) {
    Add(fmt::format("{}:{} {}", place.file, place.line, what));
  }
  void Add(std::string problem) {
    if (report_.problems.size() < kMostProblems) report_.problems.push_back(std::move(problem));
  }

  const std::optional<AuditHead> kept_;
  AuditReport report_;
};

}  // namespace

std::vector<std::string> AuditFiles(const std::string& path) {
  std::vector<std::string> files;
  for (int number = kMostFiles; number >= 1; --number) {
    std::string file = fmt::format("{}.{}", path, number);
    if (Exists(file)) files.push_back(std::move(file));
  }
  if (Exists(path)) files.push_back(path);
  return files;
}

absl::Status ReadAudit(const std::string& path, const VisitAuditLine& visit) {
  for (const std::string& file : AuditFiles(path)) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return absl::UnavailableError(fmt::format("{} cannot be read", file));
    std::string line;
    for (AuditPlace place{file, 1}; std::getline(in, line); ++place.line) {
      // Without its end it is not written yet.
      if (in.eof()) break;
      RETURN_IF_ERROR(visit(place, line));
    }
  }
  return absl::OkStatus();
}

AuditHead HeadOf(std::string_view line) { return {LinkOf(line).number, Sha256Hex(line)}; }

absl::StatusOr<std::optional<AuditHead>> LastHead(const std::string& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in) return std::optional<AuditHead>();
  // Longer than any line: of each name and value at most some hundred bytes are in it.
  constexpr std::streamoff kPiece = 1 << 20;
  const std::streamoff size = in.tellg();
  const std::streamoff from = std::max<std::streamoff>(0, size - kPiece);
  std::string piece(static_cast<size_t>(size - from), '\0');
  in.seekg(from);
  if (!in.read(piece.data(), static_cast<std::streamsize>(piece.size())))
    return absl::UnavailableError(fmt::format("{} cannot be read", file));
  const size_t end = piece.rfind('\n');
  if (end == std::string::npos) return std::optional<AuditHead>();
  const size_t before = end == 0 ? std::string::npos : piece.rfind('\n', end - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  return HeadOf(std::string_view(piece).substr(begin, end - begin));
}

absl::StatusOr<AuditReport> VerifyAudit(const std::string& path, const std::optional<AuditHead>& head) {
  Verifier verifier(head);
  RETURN_IF_ERROR(ReadAudit(
      path, [&](const AuditPlace& place, std::string_view line) { return verifier.Visit(place, line); }));
  return verifier.Finish();
}

}  // namespace crossmill::coordinator
