// Layers made by overlay snapshots: the same bytes in every namespace and on every file system, and the
// traps that overlayfs sets.
#include "worker/layers/overlay_snapshotter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <filesystem>
#include <thread>

#include "common/base/status.h"
#include "common/layer/layer_manifest.h"
#include "tests/support/forwarding_store.h"
#include "tests/support/golden.h"
#include "tests/support/namespaces.h"
#include "tests/support/status_matchers.h"
#include "worker/layers/layer_diff.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {
namespace {

constexpr int64_t kClamp = 1'600'000'000;

// Everything that a step can see of a tree, one line per path; hard links by the path they came first as.
std::string Describe(const std::string& folder) {
  std::string text;
  std::map<uint64_t, std::string> first;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    paths.push_back(entry.path().string().substr(folder.size() + 1));
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    const auto found = InspectFile(folder + "/" + path, path);
    if (!found.ok() || !*found) return "cannot inspect " + path;
    const layer::TarEntry& entry = (*found)->entry;
    if ((*found)->kind == FileKind::kWhiteout) {
      text += path + " whiteout\n";
      continue;
    }
    text += fmt::format("{} {} {:o} {}:{} {} {} ->{} opaque={} fraction={} kind={}", path,
                        layer::EntryTypeName(entry.type), entry.mode, entry.uid, entry.gid, entry.size,
                        entry.mtime, entry.link, (*found)->opaque, (*found)->fraction != 0,
                        static_cast<int>((*found)->kind));
    for (const auto& [name, value] : entry.xattrs) text += fmt::format(" {}={}", name, Sha256Hex(value));
    if (entry.type == layer::EntryType::kFile) {
      text += " " + Sha256Hex(ReadFile(folder + "/" + path).value_or("unreadable"));
    }
    if ((*found)->links > 1 && entry.type != layer::EntryType::kDirectory) {
      text += " linked to " + first.emplace((*found)->inode, path).first->second;
    }
    text += "\n";
  }
  return text;
}

void Write(const std::string& path, std::string_view content, mode_t mode = 0644) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, mode);
  ASSERT_GE(fd, 0) << path << ": " << strerror(errno);
  EXPECT_OK(WriteAll(fd, content));
  EXPECT_EQ(0, fchmod(fd, mode));
  close(fd);
}

void MakeFolder(const std::string& path) { ASSERT_EQ(0, mkdir(path.c_str(), 0755)) << path; }

// One farm: a blob store and a worker's layers.
class Layers {
 public:
  explicit Layers(const std::string& folder, BlobStore* blobs = nullptr)
      : folder_(folder), own_(MakeMemoryBlobStore()), blobs_(blobs != nullptr ? *blobs : *own_) {
    auto created = OverlaySnapshotter::Create(folder, blobs_);
    EXPECT_OK(created);
    if (created.ok()) snapshotter_ = *std::move(created);
  }

  // Executes `change` in a root on `parents`, and commits.
  Digest Step(const std::vector<Digest>& parents, const std::function<void(const std::string&)>& change,
              CommitOptions options = {
                  .clamp_time = kClamp, .keep_times = false, .exact_times = false, .stubs = {}}) {
    auto snapshot = snapshotter_->Prepare(parents);
    EXPECT_OK(snapshot);
    if (!snapshot.ok()) return {};
    change((*snapshot)->root());
    auto committed = (*snapshot)->Commit(options);
    EXPECT_OK(committed);
    if (!committed.ok()) return {};
    committed_ = *committed;
    return FromProto(committed->layer.tar());
  }

  std::string Manifest() {
    auto text = blobs_.Get(FromProto(committed_.layer.manifest()));
    EXPECT_OK(text);
    return text.value_or("");
  }
  // Paths in the layer committed last, removals as "-path".
  std::vector<std::string> Paths() {
    std::vector<std::string> paths;
    auto manifest = layer::LayerManifest::Parse(Manifest());
    EXPECT_OK(manifest);
    for (const auto& entry : manifest->entries)
      paths.push_back((entry.whiteout ? "-" : "") + entry.entry.path);
    return paths;
  }
  // What a root on `parents` looks like.
  std::string View(const std::vector<Digest>& parents) {
    auto view = snapshotter_->View(parents);
    EXPECT_OK(view);
    return view.ok() ? Describe((*view)->root()) : "";
  }
  std::string DirectoryOf(const Digest& tar) const {
    const std::string link = fmt::format("{}/index/{}-{}", folder_, tar.hash, tar.size);
    return fmt::format("{}/layers/{}", folder_, std::filesystem::read_symlink(link).string());
  }

  OverlaySnapshotter& snapshotter() { return *snapshotter_; }
  BlobStore& blobs() { return blobs_; }
  const CommittedLayer& committed() const { return committed_; }
  void Close() { snapshotter_.reset(); }

 private:
  std::string folder_;
  std::unique_ptr<BlobStore> own_;
  BlobStore& blobs_;
  std::unique_ptr<OverlaySnapshotter> snapshotter_;
  CommittedLayer committed_;
};

using Paths = std::vector<std::string>;

struct Place {
  const char* name;
  Privilege privilege;
  Disk disk;
};

void PrintTo(const Place& place, std::ostream* stream) { *stream << place.name; }

class OverlaySnapshotterTest : public testing::TestWithParam<Place> {
 protected:
  std::optional<std::string> Run(const std::function<void(const std::string& folder)>& body) {
    return RunInNamespaces(GetParam().privilege, GetParam().disk, body);
  }
};

#define RUN_HERE(...) \
  if (auto reason = Run(__VA_ARGS__)) GTEST_SKIP() << *reason

INSTANTIATE_TEST_SUITE_P(Places, OverlaySnapshotterTest,
                         testing::Values(Place{"UserNamespaceDisk", Privilege::kUserNamespace,
                                               Disk::kTemporaryFolder},
                                         Place{"UserNamespaceTmpfs", Privilege::kUserNamespace, Disk::kTmpfs},
                                         Place{"RootDisk", Privilege::kRoot, Disk::kTemporaryFolder},
                                         Place{"RootTmpfs", Privilege::kRoot, Disk::kTmpfs}),
                         [](const auto& place) { return place.param.name; });

void SetCapability(const std::string& path) {
  // cap_net_raw+ep, version 2.
  const unsigned char value[20] = {1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(0, setxattr(path.c_str(), "security.capability", value, sizeof(value), 0)) << strerror(errno);
}

void MakeSocket(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  memcpy(address.sun_path, path.c_str(), path.size());
  EXPECT_EQ(0, bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  close(fd);
}

// One of everything.
void MakeRichTree(const std::string& root) {
  for (const char* folder : {"/bin", "/etc", "/etc/conf.d", "/old", "/old/deep", "/a", "/a-b"})
    MakeFolder(root + folder);
  Write(root + "/bin/su", "setuid", 04755);
  EXPECT_EQ(0, chown((root + "/bin/su").c_str(), 0, 42));
  EXPECT_EQ(0, chmod((root + "/bin/su").c_str(), 04755));
  Write(root + "/bin/ping", "capable", 0755);
  SetCapability(root + "/bin/ping");
  Write(root + "/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
  Write(root + "/etc/conf.d/one", "1");
  Write(root + "/etc/empty", "");
  Write(root + "/old/deep/file", "old");
  Write(root + "/a/z", "z");
  Write(root + "/a-b/a", "a");
  Write(root + "/name \xff\xfe\n", "not UTF-8");
  EXPECT_EQ(0, link((root + "/a/z").c_str(), (root + "/a-b/link").c_str()));
  EXPECT_EQ(0, link((root + "/a/z").c_str(), (root + "/a/alias").c_str()));
  EXPECT_EQ(0, symlink("/etc/\xffnowhere", (root + "/link").c_str()));
  EXPECT_EQ(0, mkfifo((root + "/fifo").c_str(), 0620));
  EXPECT_EQ(0, setxattr((root + "/etc/passwd").c_str(), "user.zeta", "z", 1, 0));
  EXPECT_EQ(0, setxattr((root + "/etc/passwd").c_str(), "user.alpha", "", 0, 0));
  EXPECT_EQ(0, chown((root + "/a").c_str(), 1000, 65535));
  EXPECT_EQ(0, chmod((root + "/a").c_str(), 02770));
  const timespec old[2] = {{1'000'000'000, 5}, {1'000'000'000, 999'999'999}};
  EXPECT_EQ(0, utimensat(AT_FDCWD, (root + "/etc/empty").c_str(), old, 0));
  MakeSocket(root + "/etc/s");
}

void ChangeRichTree(const std::string& root) {
  EXPECT_OK(RemoveTree(root + "/old"));
  MakeFolder(root + "/old");
  Write(root + "/old/new", "new");
  EXPECT_EQ(0, unlink((root + "/etc/conf.d/one").c_str()));
  EXPECT_EQ(0, unlink((root + "/a/z").c_str()));
  EXPECT_OK(RemoveTree(root + "/a-b"));
  Write(root + "/a-b", "was a directory");
  EXPECT_EQ(0, unlink((root + "/link").c_str()));
  MakeFolder(root + "/link");
  Write(root + "/link/x", "was a link");
  EXPECT_EQ(0, chmod((root + "/bin/ping").c_str(), 0700));
}

TEST_P(OverlaySnapshotterTest, TreeHasTheBytesOfTheGolden) {
  HoldGoldens(std::string(CROSSMILL_GOLDEN_FOLDER) + "/layers");
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const std::string golden = std::string(CROSSMILL_GOLDEN_FOLDER) + "/layers";
    const Digest first = layers.Step({}, MakeRichTree);
    ExpectGolden(golden, "rich-tree.manifest", layers.Manifest());
    const Digest second = layers.Step({first}, ChangeRichTree);
    ExpectGolden(golden, "rich-tree-changed.manifest", layers.Manifest());
    ExpectGolden(golden, "rich-tree.digests", fmt::format("{}\n{}\n", first.Oci(), second.Oci()));
  });
}

TEST_P(OverlaySnapshotterTest, UnpackingGivesWhatCommitLeftAndDiffsToTheSameBytes) {
  RUN_HERE([](const std::string& folder) {
    Layers here(folder + "/here");
    const Digest first = here.Step({}, MakeRichTree);
    const Digest second = here.Step({first}, ChangeRichTree);
    Layers there(folder + "/there", &here.blobs());
    for (const Digest& layer : {first, second}) {
      ASSERT_OK(there.snapshotter().EnsureLayer(layer));
      EXPECT_EQ(Describe(here.DirectoryOf(layer)), Describe(there.DirectoryOf(layer)));
    }
    EXPECT_EQ(here.View({first, second}), there.View({first, second}));
    // What was unpacked, taken for an upper directory.
    const std::string upper = there.DirectoryOf(second);
    auto diff = DiffUpper(upper, {there.DirectoryOf(first)}, {.clamp_time = kClamp});
    ASSERT_OK(diff);
    auto written = WriteLayer(*diff, upper, kClamp, {}, there.blobs());
    ASSERT_OK(written);
    EXPECT_EQ(second, written->tar);
  });
}

TEST_P(OverlaySnapshotterTest, RemovedLowerDirectoryBecomesOneWhiteout) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree);
    const Digest second =
        layers.Step({first}, [](const std::string& root) { EXPECT_OK(RemoveTree(root + "/old")); });
    EXPECT_EQ((Paths{"-old"}), layers.Paths());
    EXPECT_EQ(std::string::npos, layers.View({first, second}).find("\nold"));
  });
}

TEST_P(OverlaySnapshotterTest, DirectoryMadeAnewRemovesWhatItHeldExplicitly) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, [](const std::string& root) {
      MakeFolder(root + "/d");
      MakeFolder(root + "/d/sub");
      Write(root + "/d/sub/kept", "1");
      Write(root + "/d/sub/gone", "1");
      Write(root + "/d/gone", "1");
    });
    const Digest second = layers.Step({first}, [](const std::string& root) {
      EXPECT_OK(RemoveTree(root + "/d"));
      MakeFolder(root + "/d");
      MakeFolder(root + "/d/sub");
      Write(root + "/d/sub/kept", "2");
    });
    EXPECT_EQ((Paths{"d", "-d/gone", "d/sub", "-d/sub/gone", "d/sub/kept"}), layers.Paths());
    // The layer on disk hides exactly what its tar names, whatever it is put upon.
    const Digest other = layers.Step({}, [](const std::string& root) {
      MakeFolder(root + "/d");
      MakeFolder(root + "/d/sub");
      Write(root + "/d/other", "3");
      Write(root + "/d/sub/gone", "3");
    });
    const std::string view = layers.View({other, second});
    EXPECT_NE(std::string::npos, view.find("d/other ")) << view;
    EXPECT_EQ(std::string::npos, view.find("d/sub/gone ")) << view;
  });
}

TEST_P(OverlaySnapshotterTest, FileOpenedForWritingButUnchangedIsNoChange) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree);
    layers.Step({first}, [](const std::string& root) {
      for (const char* path : {"/etc/passwd", "/bin/ping", "/a/z"}) {
        const int fd = open((root + path).c_str(), O_RDWR);
        ASSERT_GE(fd, 0);
        close(fd);
      }
    });
    EXPECT_EQ(Paths{}, layers.Paths());
    EXPECT_EQ(0, layers.committed().content_bytes);
  });
}

TEST_P(OverlaySnapshotterTest, ChangedFileBringsItsDirectoriesUnchanged) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree, {.clamp_time = kClamp - 5});
    layers.Step({first}, [](const std::string& root) { Write(root + "/etc/conf.d/one", "2"); });
    EXPECT_EQ((Paths{"etc", "etc/conf.d", "etc/conf.d/one"}), layers.Paths());
    const auto manifest = layer::LayerManifest::Parse(layers.Manifest());
    ASSERT_OK(manifest);
    EXPECT_EQ(kClamp - 5, manifest->entries[1].entry.mtime);
    EXPECT_EQ(kClamp, manifest->entries[2].entry.mtime);
    EXPECT_EQ((Paths{"etc/conf.d/one"}), layers.committed().changed_paths);
    // Not clamped: when the step wrote it.
    ASSERT_EQ(layers.committed().changed_times.size(), 1u);
    EXPECT_GT(layers.committed().changed_times[0], kClamp * 1'000'000'000);
  });
}

TEST_P(OverlaySnapshotterTest, HardLinksSplitByCopyUpStaySplit) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree);
    layers.Step({first}, [](const std::string& root) { Write(root + "/a/alias", "other"); });
    EXPECT_EQ((Paths{"a", "a/alias"}), layers.Paths());
  });
}

TEST_P(OverlaySnapshotterTest, NewLinkToUnchangedFileKeepsBothNames) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree);
    const Digest second = layers.Step({first}, [](const std::string& root) {
      EXPECT_EQ(0, link((root + "/etc/passwd").c_str(), (root + "/etc/zzz").c_str()));
    });
    EXPECT_EQ((Paths{"etc", "etc/passwd", "etc/zzz"}), layers.Paths());
    EXPECT_NE(std::string::npos, layers.View({first, second}).find("linked to etc/passwd"));
  });
}

TEST_P(OverlaySnapshotterTest, MountPointsOfTheRuntimeLeaveNothing) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree, {.clamp_time = kClamp - 5});
    const CommitOptions options{
        .clamp_time = kClamp,
        .stubs = {"/etc/hosts", "/etc/resolv.conf", "/run/systemd/stub.conf", "/proc", "/sys"}};
    const auto make_stubs = [](const std::string& root) {
      Write(root + "/etc/hosts", "");
      Write(root + "/etc/resolv.conf", "");
      MakeFolder(root + "/run");
      MakeFolder(root + "/run/systemd");
      Write(root + "/run/systemd/stub.conf", "");
      MakeFolder(root + "/proc");
    };
    layers.Step({first}, make_stubs, options);
    EXPECT_EQ(Paths{}, layers.Paths());
    layers.Step(
        {first},
        [&](const std::string& root) {
          make_stubs(root);
          Write(root + "/etc/hosts", "written by the step");
          Write(root + "/run/mine", "");
          MakeFolder(root + "/sys");
          Write(root + "/sys/x", "");
        },
        options);
    EXPECT_EQ((Paths{"etc", "etc/hosts", "run", "run/mine", "sys", "sys/x"}), layers.Paths());
  });
}

TEST_P(OverlaySnapshotterTest, HundredAndFiftyLayersMount) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    std::vector<Digest> parents;
    for (int i = 0; i < 150; ++i) {
      parents.push_back(layers.Step(parents, [i](const std::string& root) {
        Write(fmt::format("{}/f{}", root, i), std::to_string(i));
        if (i > 0) {
          EXPECT_EQ(0, unlink(fmt::format("{}/f{}", root, i - 1).c_str()));
        }
      }));
    }
    const std::string view = layers.View(parents);
    EXPECT_TRUE(view.starts_with("f149 ")) << view;
    EXPECT_EQ(1, std::count(view.begin(), view.end(), '\n'));
  });
}

TEST_P(OverlaySnapshotterTest, LayerThatOccursTwiceCountsAsItsUpperOne) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree);
    const Digest nothing = layers.Step({first}, [](const std::string&) {});
    const Digest change =
        layers.Step({first, nothing}, [](const std::string& root) { Write(root + "/x", "1"); });
    const Digest removal = layers.Step({first, nothing, change}, [](const std::string& root) {
      EXPECT_EQ(0, unlink((root + "/x").c_str()));
    });
    EXPECT_EQ(nothing, layers.Step({first, nothing, change, removal}, [](const std::string&) {}));
    EXPECT_NE(std::string::npos,
              layers.View({first, nothing, change, removal, nothing, change}).find("\nx "));
  });
}

TEST_P(OverlaySnapshotterTest, TimesOnDiskAreThoseOfTheLayer) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, MakeRichTree);
    const std::string view = layers.View({first});
    EXPECT_NE(std::string::npos, view.find(fmt::format("etc/passwd file 644 0:0 26 {} ", kClamp))) << view;
    EXPECT_NE(std::string::npos, view.find("etc/empty file 644 0:0 0 1000000000 ")) << view;
    EXPECT_NE(std::string::npos, view.find(fmt::format("etc directory 755 0:0 0 {} ", kClamp))) << view;
    EXPECT_EQ(std::string::npos, view.find("fraction=true")) << view;
  });
}

TEST_P(OverlaySnapshotterTest, ExactTimesKeptTimesAndAClampStillToCome) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const auto change = [](const std::string& root) {
      Write(root + "/old", "");
      Write(root + "/new", "");
      const timespec old[2] = {{1'000'000'000, 0}, {1'000'000'000, 7}};
      EXPECT_EQ(0, utimensat(AT_FDCWD, (root + "/old").c_str(), old, 0));
    };
    const auto times = [&](const CommitOptions& options) {
      layers.Step({}, change, options);
      const auto manifest = layer::LayerManifest::Parse(layers.Manifest());
      return std::pair(manifest->entries[1].entry.mtime, manifest->entries[0].entry.mtime);
    };
    EXPECT_EQ(std::pair(int64_t{1'000'000'000}, kClamp), times({.clamp_time = kClamp}));
    EXPECT_EQ(std::pair(kClamp, kClamp), times({.clamp_time = kClamp, .exact_times = true}));
    const int64_t future = time(nullptr) + 1000;
    EXPECT_EQ(std::pair(int64_t{1'000'000'000}, future), times({.clamp_time = future}));
    const auto kept = times({.clamp_time = kClamp, .keep_times = true});
    EXPECT_EQ(1'000'000'000, kept.first);
    EXPECT_NEAR(static_cast<double>(time(nullptr)), static_cast<double>(kept.second), 60);
  });
}

TEST_P(OverlaySnapshotterTest, NextWorkerFindsLayersAndCleansUpAfterAKilledOne) {
  RUN_HERE([](const std::string& folder) {
    const std::unique_ptr<BlobStore> nothing = MakeMemoryBlobStore();
    std::string before;
    Digest layer;
    {
      Layers layers(folder + "/w");
      layer = layers.Step({}, MakeRichTree);
      before = layers.View({layer});
      // As a killed worker leaves things: a mounted snapshot, a half-unpacked layer, one without a name.
      auto snapshot = layers.snapshotter().Prepare({});
      ASSERT_OK(snapshot);
      (*snapshot).release();  // NOLINT: leaked on purpose, with its mount
      MakeFolder(folder + "/w/work/half");
      MakeFolder(folder + "/w/layers/zz");
      EXPECT_TRUE(absl::IsFailedPrecondition(OverlaySnapshotter::Create(folder + "/w", *nothing).status()));
    }
    Layers again(folder + "/w", nothing.get());
    EXPECT_EQ(before, again.View({layer}));
    EXPECT_TRUE(ListFolder(folder + "/w/work")->empty());
    EXPECT_FALSE(Exists(folder + "/w/layers/zz"));
    const auto mounts = ReadFile("/proc/self/mountinfo");
    ASSERT_OK(mounts);
    EXPECT_EQ(std::string::npos, mounts->find(folder + "/w/work"));
  });
}

// Counts Open, and may give other bytes than the digest promises.
class WatchedStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  absl::StatusOr<std::unique_ptr<BlobReader>> Open(const Digest& digest, int64_t offset) override {
    ++opened;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return ForwardingStore::Open(lie.empty() ? digest : lie, offset);
  }
  std::atomic<int> opened = 0;
  Digest lie;
};

TEST_P(OverlaySnapshotterTest, ConcurrentRequestsFetchALayerOnce) {
  RUN_HERE([](const std::string& folder) {
    Layers maker(folder + "/maker");
    const Digest layer = maker.Step({}, MakeRichTree);
    WatchedStore store(maker.blobs());
    Layers layers(folder + "/w", &store);
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] { EXPECT_OK(layers.snapshotter().Prepare({layer})); });
      }
    }
    EXPECT_EQ(1, store.opened);
  });
}

TEST_P(OverlaySnapshotterTest, BlobThatLiesIsNeverALayer) {
  RUN_HERE([](const std::string& folder) {
    Layers maker(folder + "/maker");
    const Digest wanted = maker.Step({}, MakeRichTree);
    const Digest other = maker.Step({}, [](const std::string& root) { Write(root + "/evil", "x"); });
    WatchedStore store(maker.blobs());
    store.lie = other;
    Layers layers(folder + "/w", &store);
    EXPECT_TRUE(absl::IsDataLoss(layers.snapshotter().EnsureLayer(wanted)));
    EXPECT_TRUE(ListFolder(folder + "/w/work")->empty());
    store.lie = {};
    EXPECT_OK(layers.snapshotter().EnsureLayer(wanted));
    EXPECT_TRUE(absl::IsNotFound(layers.snapshotter().EnsureLayer(DigestOf("nobody has this"))));
  });
}

TEST_P(OverlaySnapshotterTest, StepThatFailsLeavesNothing) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    {
      auto snapshot = layers.snapshotter().Prepare({});
      ASSERT_OK(snapshot);
      Write((*snapshot)->root() + "/x", "1");
    }
    EXPECT_TRUE(ListFolder(folder + "/w/work")->empty());
    EXPECT_EQ((Paths{"empty"}), *ListFolder(folder + "/w/layers"));
  });
}

TEST_P(OverlaySnapshotterTest, SocketInPlaceOfAFileRemovesTheFile) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    const Digest first = layers.Step({}, [](const std::string& root) { Write(root + "/s", "file"); });
    const Digest second = layers.Step({first}, [](const std::string& root) {
      EXPECT_EQ(0, unlink((root + "/s").c_str()));
      MakeSocket(root + "/s");
    });
    EXPECT_EQ((Paths{"-s"}), layers.Paths());
    EXPECT_EQ("", layers.View({first, second}));
    EXPECT_EQ("s whiteout\n", Describe(layers.DirectoryOf(second)));
  });
}

TEST_P(OverlaySnapshotterTest, NameOfAWhiteoutIsRefusedNotMisread) {
  RUN_HERE([](const std::string& folder) {
    Layers layers(folder + "/w");
    auto snapshot = layers.snapshotter().Prepare({});
    ASSERT_OK(snapshot);
    Write((*snapshot)->root() + "/.wh.x", "");
    const auto committed = (*snapshot)->Commit({.clamp_time = kClamp});
    EXPECT_TRUE(absl::IsInvalidArgument(committed.status())) << committed.status();
  });
}

}  // namespace
}  // namespace crossmill::worker
