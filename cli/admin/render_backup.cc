#include "cli/admin/render_backup.h"

#include <fmt/format.h>

#include "common/base/utf8.h"

namespace crossmill::cli {
namespace {

int64_t NumberOf(const Json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

// What the backup does not have.
std::string Lacks(const Json& backup) {
  std::string text;
  if (const int64_t gone = NumberOf(backup, "gone_blobs"); gone > 0)
    text += fmt::format("{} cached blobs were gone: what needs them is made again\n", gone);
  if (const int64_t damaged = NumberOf(backup, "damaged_blobs"); damaged > 0)
    text += fmt::format("{} cached blobs are damaged and were left out: `crossmill admin check` says which\n",
                        damaged);
  if (const int64_t files = NumberOf(backup, "gone_files"); files > 0)
    text += fmt::format("{} logs were removed or cut meanwhile\n", files);
  if (const int64_t blobs = NumberOf(backup, "bucket_blobs"); blobs > 0) {
    text +=
        fmt::format("{} blobs of {} are only in the bucket {}: without it the backup is not whole\n", blobs,
                    FormatBytes(NumberOf(backup, "bucket_bytes")), Printable(TextMember(backup, "bucket")));
  }
  return text;
}

std::string Whole(const Json& backup) {
  return fmt::format("record {}, {} blobs of {}, {} files of {}",
                     FormatBytes(NumberOf(backup, "record_bytes")), NumberOf(backup, "blobs"),
                     FormatBytes(NumberOf(backup, "blob_bytes")), NumberOf(backup, "files"),
                     FormatBytes(NumberOf(backup, "file_bytes")));
}

}  // namespace

std::string RenderBackup(const Json& backup) {
  std::string text = fmt::format("backup {}: {}\n", TextMember(backup, "name"), Whole(backup));
  text += fmt::format("copied {} files, {}\n", NumberOf(backup, "copied"),
                      FormatBytes(NumberOf(backup, "copied_bytes")));
  if (const int64_t mended = NumberOf(backup, "mended"); mended > 0)
    text += fmt::format("{} blobs were damaged in the backup and are copied again\n", mended);
  if (const int64_t removed = NumberOf(backup, "removed"); removed > 0)
    text += fmt::format("removed {} files that no backup has any more\n", removed);
  return text + Lacks(backup);
}

std::string RenderRestore(const Json& restored) {
  std::string text =
      fmt::format("restored {}, taken at {}, into {}: {}\n", TextMember(restored, "name"),
                  TextMember(restored, "taken_at"), TextMember(restored, "data"), Whole(restored));
  if (const std::string moved = TextMember(restored, "moved_to"); !moved.empty())
    text += fmt::format("what was there is in {}\n", moved);
  if (const int64_t left_out = NumberOf(restored, "left_out"); left_out > 0)
    text += fmt::format("{} blobs are damaged in the backup and were left out: run `crossmill admin check`\n",
                        left_out);
  text += Lacks(restored);
  return text +
         fmt::format("the next build is {}: numbers that were given after the backup are not given again\n",
                     NumberOf(restored, "next_build"));
}

std::string RenderCheck(const Json& report, const TextOptions& options) {
  std::string text = fmt::format("{}: {} builds, {} blobs of {}, {} logs{}{}\n", TextMember(report, "data"),
                                 NumberOf(report, "builds"), NumberOf(report, "blobs"),
                                 FormatBytes(NumberOf(report, "blob_bytes")), NumberOf(report, "logs"),
                                 report.value("online", false) ? ", beside a running coordinator" : "",
                                 report.value("quick", false) ? "; names and sizes only" : "");
  int64_t damage = 0, mended = 0;
  for (const Json& finding : report.value("findings", Json::array())) {
    const bool grave = finding.value("damage", false);
    const bool done = finding.value("mended", false);
    damage += grave && !done ? 1 : 0;
    mended += done ? 1 : 0;
    const std::string_view word = done ? "mended" : grave ? "damage" : "note";
    const Ink ink = done ? Ink::kGreen : grave ? Ink::kRed : Ink::kDim;
    text += fmt::format("{} {}: {}\n       {}\n", Paint(word, ink, options.colour),
                        Printable(TextMember(finding, "where")), Printable(TextMember(finding, "meaning")),
                        Printable(TextMember(finding, "remedy")));
  }
  if (mended > 0) text += fmt::format("{} mended\n", mended);
  return text + (damage == 0 ? "clean\n" : fmt::format("{} damaged\n", damage));
}

}  // namespace crossmill::cli
