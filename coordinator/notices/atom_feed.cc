#include "coordinator/notices/atom_feed.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "common/words/words.h"
#include "coordinator/notices/badge.h"
#include "coordinator/notices/change_text.h"

namespace crossmill::coordinator {
namespace {

// RFC 4151. A name that nobody can own beside the farm's own id: no farm owns the domain it is called by.
std::string TagOf(const v1::ListStateChangesResponse& changes, std::string_view what) {
  return fmt::format("tag:{}.farm.crossmill.invalid,{}:{}", changes.farm_id(), changes.farm_since(), what);
}

std::string Entry(const v1::ListStateChangesResponse& changes, const v1::StateChange& change,
                  const FeedPlace& place) {
  std::string text = "  <entry>\n";
  text += fmt::format("    <id>{}</id>\n", EscapeXml(TagOf(changes, fmt::format("change-{}", change.id()))));
  text += fmt::format("    <title>{}</title>\n", EscapeXml(ChangeTitle(change)));
  text += fmt::format("    <updated>{}</updated>\n", Rfc3339(change.changed_at()));
  text += fmt::format("    <link rel=\"alternate\" type=\"text/html\" href=\"{}/#builds/{}\"/>\n",
                      EscapeXml(place.origin), change.build_id());
  for (const std::string& term : {std::string(Word(change.status())), std::string(Word(change.verdict()))}) {
    if (!term.empty()) text += fmt::format("    <category term=\"{}\"/>\n", EscapeXml(term));
  }
  const std::string reason = change.reason().empty() ? "" : ": " + change.reason();
  text += fmt::format("    <content type=\"text\">{}</content>\n",
                      EscapeXml(fmt::format("build {}{}", change.build_id(), reason)));
  return text + "  </entry>\n";
}

}  // namespace

std::string AtomFeed(const v1::ListStateChangesResponse& changes, const FeedPlace& place) {
  std::string of = place.name;
  if (!place.platform.empty()) of += (of.empty() ? "" : " ") + place.platform;
  // Of what is asked for, whatever characters are in it.
  const std::string id =
      of.empty() ? "feed" : "feed-" + Sha256Hex(place.name + '\0' + place.platform).substr(0, 16);
  int64_t updated = 0;
  for (const v1::StateChange& change : changes.changes()) updated = std::max(updated, change.changed_at());
  std::string text =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n";
  text += fmt::format("  <id>{}</id>\n", EscapeXml(TagOf(changes, id)));
  text += fmt::format("  <title>{}</title>\n",
                      EscapeXml(of.empty() ? "Crossmill: changes" : "Crossmill: changes of " + of));
  // Nothing has changed yet: since the farm is there.
  text += fmt::format("  <updated>{}</updated>\n",
                      updated == 0 ? EscapeXml(changes.farm_since()) + "T00:00:00Z" : Rfc3339(updated));
  text += "  <author><name>Crossmill</name></author>\n";
  text += fmt::format("  <link rel=\"self\" type=\"application/atom+xml\" href=\"{}\"/>\n",
                      EscapeXml(place.origin + place.path));
  text +=
      fmt::format("  <link rel=\"alternate\" type=\"text/html\" href=\"{}/\"/>\n", EscapeXml(place.origin));
  for (const v1::StateChange& change : changes.changes()) text += Entry(changes, change, place);
  return text + "</feed>\n";
}

}  // namespace crossmill::coordinator
