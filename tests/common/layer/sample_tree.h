// A tree with every kind of entry, for tests of tars, manifests and layers.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/layer/canonical_tar.h"
#include "common/layer/layer_writer.h"
#include "common/layer/tar_reader.h"
#include "tests/support/status_matchers.h"

namespace crossmill::layer {

struct SampleEntry {
  TarEntry entry;
  std::string content;
  bool whiteout = false;
};

inline SampleEntry Special(std::string path, EntryType type, std::string link = "", uint32_t mode = 0644) {
  SampleEntry sample;
  sample.entry.path = std::move(path);
  sample.entry.type = type;
  sample.entry.mode = type == EntryType::kSymlink ? 0777 : mode;
  sample.entry.mtime = 1'000'000'000;
  sample.entry.link = std::move(link);
  return sample;
}

inline SampleEntry File(std::string path, std::string content, uint32_t mode = 0644) {
  SampleEntry sample = Special(std::move(path), EntryType::kFile, "", mode);
  sample.entry.size = static_cast<int64_t>(content.size());
  sample.content = std::move(content);
  return sample;
}

inline SampleEntry Folder(std::string path, uint32_t mode = 0755) {
  return Special(std::move(path), EntryType::kDirectory, "", mode);
}

inline SampleEntry Whiteout(std::string path) {
  SampleEntry sample;
  sample.entry.path = std::move(path);
  sample.whiteout = true;
  return sample;
}

// In tar order. Regular but complete: all types, modes, owners, times and names that are special.
inline std::vector<SampleEntry> SampleTree() {
  std::vector<SampleEntry> tree;
  tree.push_back(Folder("bin"));
  tree.push_back(Whiteout("bin/removed"));
  tree.push_back(File("bin/setuid", "#!/bin/sh\n", 04755));
  SampleEntry ping = File("bin/zping", std::string(513, 'p'), 0755);
  ping.entry.xattrs["security.capability"] = std::string(
      "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00\x00\x00",
      20);
  ping.entry.xattrs["user.empty"] = "";
  ping.entry.xattrs["user.text with space"] = "a = b\n";
  tree.push_back(ping);
  tree.push_back(Folder("dev", 01777));
  SampleEntry block = Special("dev/block", EntryType::kBlockDevice, "", 0660);
  block.entry.dev_major = 259;
  block.entry.dev_minor = 1048575;
  tree.push_back(block);
  tree.push_back(Special("dev/fifo", EntryType::kFifo));
  SampleEntry null = Special("dev/null", EntryType::kCharDevice, "", 0666);
  null.entry.dev_major = 1;
  null.entry.dev_minor = 3;
  tree.push_back(null);
  tree.push_back(Folder("links"));
  tree.push_back(Folder("links/a"));
  tree.push_back(File("links/a/first", "shared"));
  tree.push_back(Special("links/a-hard", EntryType::kHardLink, "links/a/first"));
  tree.push_back(Special("links/dangling", EntryType::kSymlink, "../no where/\xff"));
  tree.push_back(Special("links/long", EntryType::kSymlink, std::string(101, 't')));
  tree.push_back(Folder("names"));
  tree.push_back(File("names/\x01\\ \xc3\xa9\xff\xfe", "not UTF-8"));
  // Exactly 100 bytes: the name field full to its end.
  tree.push_back(File("names/" + std::string(94, 'b'), "100"));
  // Splits into a prefix of 155 and a name of 100 bytes.
  tree.push_back(Folder("names/c"));
  tree.push_back(File("names/c/" + std::string(147, 'p') + "/" + std::string(100, 'n'), "256"));
  // Fits no split: a component over 100 bytes at the end.
  tree.push_back(File("names/d/" + std::string(120, 'x'), "pax"));
  std::string deep = "names/e";
  while (deep.size() < 300) deep += "/component";
  tree.push_back(File(deep, "300"));
  SampleEntry owner = File("owner", "");
  owner.entry.uid = 2097152;
  owner.entry.gid = 4294967294;
  tree.push_back(owner);
  SampleEntry old = File("time-0", "");
  old.entry.mtime = ClampTime(-86400, 1'000'000'000);
  tree.push_back(old);
  SampleEntry late = File("time-late", "");
  late.entry.mtime = 8589934592;
  tree.push_back(late);
  tree.push_back(Whiteout("zz"));
  tree.push_back(File("\xf0zzz", "last"));
  // "zz" removed is ".wh.zz" in the tar and sorts there.
  std::stable_sort(tree.begin(), tree.end(), [](const SampleEntry& a, const SampleEntry& b) {
    const auto path = [](const SampleEntry& s) {
      return s.whiteout ? WhiteoutPath(s.entry.path) : s.entry.path;
    };
    return ComparePaths(path(a), path(b)) < 0;
  });
  return tree;
}

inline Sink AppendTo(std::string* out) {
  return [out](std::string_view bytes) {
    out->append(bytes);
    return absl::OkStatus();
  };
}

// The tree as a layer: tar bytes and manifest.
inline std::pair<std::string, LayerManifest> WriteLayer(const std::vector<SampleEntry>& tree) {
  std::string tar;
  LayerWriter writer(AppendTo(&tar), 1'000'000'001);
  for (const SampleEntry& sample : tree) {
    const absl::Status status = sample.whiteout ? writer.AddWhiteout(sample.entry.path)
                                                : writer.Add(sample.entry, SourceOf(sample.content));
    EXPECT_OK(status);
  }
  auto manifest = writer.Finish();
  EXPECT_OK(manifest);
  return {std::move(tar), manifest.ok() ? *std::move(manifest) : LayerManifest()};
}

// All entries with their content, or the first error.
inline absl::StatusOr<std::vector<SampleEntry>> ReadTar(std::string_view tar) {
  TarReader reader(SourceOf(tar));
  std::vector<SampleEntry> tree;
  char buffer[1000];
  while (true) {
    auto entry = reader.Next();
    if (!entry.ok()) return entry.status();
    if (!entry->has_value()) return tree;
    SampleEntry sample;
    sample.entry = **entry;
    while (true) {
      auto count = reader.ReadData(buffer, sizeof(buffer));
      if (!count.ok()) return count.status();
      if (*count == 0) break;
      sample.content.append(buffer, *count);
    }
    tree.push_back(std::move(sample));
  }
}

}  // namespace crossmill::layer
