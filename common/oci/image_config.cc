// Completing an image config (FinishImageConfig in image.h).
#include <algorithm>
#include <utility>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/oci/image.h"

namespace crossmill::oci {
namespace {

bool HasLayer(const Json& entry) {
  const auto it = entry.find("empty_layer");
  return it == entry.end() || !it->is_boolean() || !it->get<bool>();
}

bool HasTime(const Json& entry) {
  const auto it = entry.find("created");
  return it != entry.end() && it->is_string() && !it->get<std::string>().empty();
}

// The entry with `created` as its first member.
Json WithTime(const Json& entry, int64_t seconds) {
  Json timed = Json::object();
  timed["created"] = FormatTime(seconds);
  for (const auto& [name, value] : entry.items()) {
    if (name != "created") timed[name] = value;
  }
  return timed;
}

absl::StatusOr<Json> FinishHistory(const Json& planned, size_t layers, int64_t epoch,
                                   absl::Span<const int64_t> layer_times) {
  Json history = Json::array();
  size_t entries = 0;
  if (planned.is_array()) {
    for (const Json& entry : planned) {
      if (!entry.is_object())
        return absl::InvalidArgumentError("image config: a history entry is not an object");
      if (HasLayer(entry)) ++entries;
    }
  }
  if (entries > layers || layer_times.size() > layers) {
    return absl::InvalidArgumentError(
        fmt::format("image config: {} history entries with layers, {} layers", entries, layers));
  }
  const size_t base_layers = layers - layer_times.size();
  size_t layer = 0;
  int64_t time = epoch;
  for (; layer < layers - entries; ++layer) {
    if (layer >= base_layers) {
      return absl::InvalidArgumentError("image config: steps are missing from the history");
    }
    Json entry = Json::object();
    entry["comment"] = "layer of the base image";
    history.push_back(WithTime(entry, epoch));
  }
  if (!planned.is_array()) return history;
  for (const Json& entry : planned) {
    if (HasLayer(entry) && layer++ >= base_layers) time = layer_times[layer - 1 - base_layers];
    history.push_back(HasTime(entry) ? entry : WithTime(entry, time));
  }
  return history;
}

}  // namespace

absl::StatusOr<std::string> FinishImageConfig(std::string_view planned, absl::Span<const Digest> diff_ids,
                                              int64_t epoch, absl::Span<const int64_t> layer_times) {
  ASSIGN_OR_RETURN(const Json document, ParseJson(planned));
  if (!document.is_object()) return absl::InvalidArgumentError("image config: not a JSON object");
  const auto old_history = document.find("history");
  ASSIGN_OR_RETURN(Json history, FinishHistory(old_history == document.end() ? Json() : *old_history,
                                               diff_ids.size(), epoch, layer_times));
  // The image is as old as its newest layer.
  const int64_t created =
      layer_times.empty() ? epoch : *std::max_element(layer_times.begin(), layer_times.end());
  Json finished = Json::object();
  finished["created"] = FormatTime(created);
  for (const auto& [name, value] : document.items()) {
    if (name != "created" && name != "rootfs" && name != "history") finished[name] = value;
  }
  Json& rootfs = finished["rootfs"] = Json::object();
  rootfs["type"] = "layers";
  Json& ids = rootfs["diff_ids"] = Json::array();
  for (const Digest& digest : diff_ids) ids.push_back(digest.Oci());
  finished["history"] = std::move(history);
  return WriteJson(finished);
}

}  // namespace crossmill::oci
