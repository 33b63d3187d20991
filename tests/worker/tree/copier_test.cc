// COPY, ADD and WORKDIR in a root, with BuildKit's rules.
#include "worker/tree/copier.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/layer/tar_reader.h"
#include "tests/support/golden.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"
#include "tests/worker/tree/workplace.h"
#include "worker/tree/file_metadata.h"

namespace crossmill::worker {
namespace {

using layer::EntryType;

TEST_F(CopierTest, FileToANewName) {
  RUN_HERE([](Workplace& place) {
    place.File("a.txt", "hello");
    ASSERT_OK(place.Run("/srv/new/b.txt"));
    EXPECT_EQ("file 640 0:0 clamp hello", place.At("/srv/new/b.txt"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/srv/new"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/srv"));
  });
}

TEST_F(CopierTest, FileIntoADirectoryBySlashExistenceOrNumber) {
  RUN_HERE([](Workplace& place) {
    place.File("a.txt", "1");
    ASSERT_OK(place.Run("/slash/"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/slash/a.txt"));
    ASSERT_OK(place.Run("/etc"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/etc/a.txt"));
    ASSERT_OK(place.Run("/"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/a.txt"));
    place.File("b.txt", "2");
    ASSERT_OK(place.Run("/several/"));
    EXPECT_EQ("file 640 0:0 clamp 2", place.At("/several/b.txt"));
  });
}

TEST_F(CopierTest, ContentsOfADirectoryMerge) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/app/inner"));
    ASSERT_OK(WriteFileAtomic(place.root + "/app/inner/mine", "kept"));
    ASSERT_OK(WriteFileAtomic(place.root + "/app/script", "old"));
    ASSERT_EQ(0, chmod((place.root + "/app").c_str(), 0711));
    place.Folder("sub");
    ASSERT_OK(place.Run("/app"));
    EXPECT_TRUE(place.At("/app").starts_with("directory 711 0:0 ")) << place.At("/app");
    EXPECT_EQ("directory 700 0:0 clamp", place.At("/app/inner"));
    EXPECT_EQ("file 755 0:0 clamp #!", place.At("/app/script"));
    EXPECT_EQ("symlink 777 0:0 clamp script", place.At("/app/link"));
    EXPECT_EQ("kept", ReadFile(place.root + "/app/inner/mine").value_or("gone"));
    EXPECT_EQ("nothing", place.At("/app/sub"));
  });
}

TEST_F(CopierTest, NewDestinationOfADirectoryHas0755) {
  RUN_HERE([](Workplace& place) {
    place.Folder("sub");
    place.copy.set_chown("app");
    ASSERT_OK(place.Run("/new"));
    EXPECT_EQ("directory 755 1000:1001 clamp", place.At("/new"));
    EXPECT_EQ("file 755 1000:1001 clamp #!", place.At("/new/script"));
    EXPECT_EQ("symlink 777 1000:1001 clamp script", place.At("/new/link"));
  });
}

TEST_F(CopierTest, ChmodOctalAndSymbolic) {
  RUN_HERE([](Workplace& place) {
    place.Folder("sub");
    place.copy.set_chmod("u=rwX,go=");
    ASSERT_OK(place.Run("/symbolic"));
    EXPECT_EQ("file 700 0:0 clamp #!", place.At("/symbolic/script"));
    EXPECT_EQ("directory 700 0:0 clamp", place.At("/symbolic/inner"));
    place.copy.set_chmod("4711");
    ASSERT_OK(place.Run("/octal"));
    EXPECT_EQ("file 4711 0:0 clamp #!", place.At("/octal/script"));
    place.copy.set_chmod("rwx");
    EXPECT_TRUE(absl::IsInvalidArgument(place.Run("/bad")));
  });
}

TEST_F(CopierTest, UnknownOwnerIsRoot) {
  RUN_HERE([](Workplace& place) {
    place.File("a", "1");
    place.copy.set_chown("nobody");
    EXPECT_OK(place.Run("/a"));
    place.copy.set_chown("70000");
    EXPECT_TRUE(absl::IsInvalidArgument(place.Run("/a")));
  });
}

TEST_F(CopierTest, LinkAtTheDestinationIsFollowedInsideTheRoot) {
  RUN_HERE([](Workplace& place) {
    ASSERT_EQ(0, symlink("/srv/data", (place.root + "/dir").c_str()));
    ASSERT_EQ(0, symlink("../../../outside", (place.root + "/file").c_str()));
    place.File("a", "1");
    ASSERT_OK(place.Run("/dir/"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/srv/data/a"));
    ASSERT_OK(place.Run("/file"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/outside"));
  });
}

TEST_F(CopierTest, LinkThatAFileReplacesIsNotFollowed) {
  RUN_HERE([](Workplace& place) {
    ASSERT_EQ(0, symlink("/etc/passwd", (place.root + "/etc/a").c_str()));
    place.File("a", "1");
    ASSERT_OK(place.Run("/etc/"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/etc/a"));
    EXPECT_EQ("app:x:1000:1001::/:\n", ReadFile(place.root + "/etc/passwd").value_or("?"));
  });
}

TEST_F(CopierTest, TypeConflictsAreErrorsByName) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/app/script"));
    place.Folder("sub");
    EXPECT_EQ("src: cannot replace the directory /app/script with a file", place.Run("/app").message());
    ASSERT_OK(WriteFileAtomic(place.root + "/file", "x"));
    EXPECT_EQ("src: /file is not a directory", place.Run("/file").message());
    EXPECT_TRUE(absl::IsInvalidArgument(place.Run("/file/below")));
    ASSERT_OK(MakeFolders(place.root + "/links"));
    ASSERT_EQ(0, symlink("/etc", (place.root + "/links/inner").c_str()));
    EXPECT_EQ("src: cannot copy a directory to /links/inner, which is not a directory",
              place.Run("/links").message());
  });
}

TEST_F(CopierTest, KeptTimesAreTheContextsOwn) {
  RUN_HERE([](Workplace& place) {
    place.Folder("sub");
    place.Match("file")->set_mtime(99);
    ToProto(place.Put("x"),
            place.copy.mutable_sources(0)->mutable_context()->mutable_matches(1)->mutable_file());
    ASSERT_OK(place.Run("/etc/new", true));
    EXPECT_EQ("file 755 0:0 78 #!", place.At("/etc/new/script"));
    EXPECT_EQ("file 640 0:0 99 x", place.At("/etc/new/file"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/etc/new"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/etc"));
  });
}

TEST_F(CopierTest, ParentsKeepTheirPath) {
  RUN_HERE([](Workplace& place) {
    place.File("src/deep/a", "1");
    place.Folder("lib/sub");
    place.copy.set_parents(true);
    ASSERT_OK(place.Run("/out"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/out/src/deep/a"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/out/lib"));
    EXPECT_EQ("directory 750 0:0 clamp", place.At("/out/lib/sub"));
    EXPECT_EQ("file 755 0:0 clamp #!", place.At("/out/lib/sub/script"));
  });
}

TEST_F(CopierTest, ParentsHaveTheModesOfTheContext) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/out/src"));
    place.File("src/deep/a", "1");
    for (const uint32_t mode : {0750U, 0711U}) {
      place.copy.mutable_sources(0)->mutable_context()->mutable_matches(0)->add_parent_modes(mode);
    }
    place.copy.set_parents(true);
    ASSERT_OK(place.Run("/out"));
    EXPECT_TRUE(place.At("/out").starts_with("directory 755 0:0"));
    EXPECT_TRUE(place.At("/out/src").starts_with("directory 750 0:0")) << place.At("/out/src");
    EXPECT_EQ("directory 711 0:0 clamp", place.At("/out/src/deep"));
    place.copy.set_chown("5:6");
    ASSERT_OK(place.Run("/owned"));
    EXPECT_EQ("directory 750 5:6 clamp", place.At("/owned/src"));
    EXPECT_EQ("file 640 5:6 clamp 1", place.At("/owned/src/deep/a"));
  });
}

TEST_F(CopierTest, HardLinksOfTheContextStay) {
  RUN_HERE([](Workplace& place) {
    place.HardLinks("src", "");
    ASSERT_OK(place.Run("/plain"));
    // Once more over what is there.
    ASSERT_OK(place.Run("/plain"));
    EXPECT_EQ("file 640 0:0 clamp shared", place.At("/plain/zero"));
    place.copy.set_chown("5:6");
    place.copy.set_chmod("4711");
    ASSERT_OK(place.Run("/owned"));
    EXPECT_EQ("file 4711 5:6 clamp shared", place.At("/owned/sub/second"));
    place.copy.set_link(true);
    ASSERT_OK(MakeFolders(place.root + "/linked/zero"));
    ASSERT_OK(place.Run("/linked"));
    EXPECT_EQ("file 4711 5:6 clamp shared", place.At("/linked/zero"));
    place.copy.set_link(false);
    place.copy.set_parents(true);
    ASSERT_OK(place.Run("/with"));
    for (const char* folder : {"/plain", "/owned", "/linked", "/with/src"}) {
      const std::string base = folder;
      EXPECT_TRUE(place.SameFile(base + "/first", base + "/zero")) << base;
      EXPECT_TRUE(place.SameFile(base + "/first", base + "/sub/second")) << base;
      EXPECT_FALSE(place.SameFile(base + "/first", base + "/alone")) << base;
    }
    EXPECT_FALSE(place.SameFile("/plain/first", "/owned/first"));
  });
}

TEST_F(CopierTest, HardLinkWhoseFirstFileWasReplacedIsAFile) {
  RUN_HERE([](Workplace& place) {
    place.HardLinks("one", "");
    // Its `first` takes the place of the one that the others were linked to.
    place.HardLinks("two", "different");
    ASSERT_OK(place.Run("/app/"));
    EXPECT_EQ("file 640 0:0 clamp different", place.At("/app/first"));
    EXPECT_EQ("file 640 0:0 clamp shared", place.At("/app/zero"));
    EXPECT_EQ("file 640 0:0 clamp shared", place.At("/app/sub/second"));
    EXPECT_FALSE(place.SameFile("/app/first", "/app/zero"));
    EXPECT_TRUE(place.SameFile("/app/zero", "/app/sub/second"));
  });
}

TEST_F(CopierTest, LinkedCopyKnowsNothingOfWhatIsBelow) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/data/inner"));
    ASSERT_OK(WriteFileAtomic(place.root + "/data/kept", "kept"));
    ASSERT_EQ(0, symlink("/data", (place.root + "/app").c_str()));
    ASSERT_EQ(0, symlink("data", (place.root + "/tree").c_str()));
    ASSERT_OK(WriteFileAtomic(place.root + "/file", "x"));
    ASSERT_EQ(0, chmod((place.root + "/data").c_str(), 01777));
    place.copy.set_link(true);
    place.File("a", "1");
    ASSERT_OK(place.Run("/app/sub/../a"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/app"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/app/a"));
    EXPECT_EQ("nothing", place.At("/data/a"));
    ASSERT_OK(place.Run("/file/below/"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/file/below/a"));
    // A name without slash is the file's name, whatever is there; other folders keep what is in them.
    ASSERT_OK(place.Run("/data/inner"));
    EXPECT_EQ("file 640 0:0 clamp 1", place.At("/data/inner"));
    EXPECT_EQ("kept", ReadFile(place.root + "/data/kept").value_or("gone"));
    // The layer has the folder on the way with the metadata of a new one.
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/data"));
  });
}

TEST_F(CopierTest, LinkedFolderTakesThePlaceOfLinks) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/data"));
    ASSERT_OK(MakeFolders(place.root + "/tree/script"));
    ASSERT_EQ(0, symlink("/data", (place.root + "/tree/inner").c_str()));
    place.copy.set_link(true);
    place.copy.set_chown("5:6");
    place.Folder("sub");
    ASSERT_OK(place.Run("/tree"));
    EXPECT_EQ("directory 755 5:6 clamp", place.At("/tree"));
    EXPECT_EQ("directory 700 5:6 clamp", place.At("/tree/inner"));
    EXPECT_EQ("file 755 5:6 clamp #!", place.At("/tree/script"));
  });
}

TEST_F(CopierTest, InlineFile) {
  RUN_HERE([](Workplace& place) {
    v1::InlineFile* file = place.copy.add_sources()->mutable_inline_file();
    file->set_name("EOF");
    file->set_content("text\n");
    ASSERT_OK(place.Run("/etc/motd"));
    EXPECT_EQ("file 644 0:0 clamp text\n", place.At("/etc/motd"));
  });
}

TEST_F(CopierTest, MissingBlobIsInfrastructure) {
  RUN_HERE([](Workplace& place) {
    ToProto(DigestOf("not there"), place.Match("a")->mutable_file());
    EXPECT_TRUE(absl::IsUnavailable(place.Run("/a")));
  });
}

std::string Compressed(const std::string& bytes, const char* program) {
  ProcessOptions options;
  options.argv = {program, "-c"};
  options.input = bytes;
  auto result = RunProcess(options);
  return result.ok() && result->exit_code == 0 ? result->stdout_text : "";
}

TEST_F(CopierTest, AddExtractsArchivesByContent) {
  RUN_HERE([](Workplace& place) {
    TarText tar;
    tar.Add("pkg", EntryType::kDirectory).Add("pkg/f", EntryType::kFile, "1", 1234, 5678, 04755);
    tar.Add("pkg/alone", EntryType::kFile, "3", 1234, 5678, 04755);
    tar.AddLink("pkg/hard", EntryType::kHardLink, "pkg/f")
        .AddLink("pkg/soft", EntryType::kSymlink, "/nowhere");
    tar.Add("name \xff", EntryType::kFile, "2").Add("dev", EntryType::kCharDevice);
    const std::string plain = tar.Finish();
    place.extract = true;
    place.File("x.anything", plain);
    ASSERT_OK(place.Run("/none"));
    int tried = 0;
    for (const char* program : {"gzip", "bzip2", "xz"}) {
      const std::string packed = Compressed(plain, program);
      if (packed.empty()) continue;
      ++tried;
      place.copy.clear_sources();
      place.File("x", packed);
      ASSERT_OK(place.Run(fmt::format("/{}", program)));
      EXPECT_EQ("file 777 0:0 clamp 1", place.At(fmt::format("/{}/pkg/f", program)));
    }
    EXPECT_GE(tried, 1);
    // The hard link's entry says last what the file is.
    EXPECT_EQ("file 777 0:0 clamp 1", place.At("/none/pkg/f"));
    EXPECT_EQ("file 777 0:0 clamp 1", place.At("/none/pkg/hard"));
    EXPECT_EQ("file 4755 1234:5678 clamp 3", place.At("/none/pkg/alone"));
    EXPECT_EQ("symlink 777 0:0 clamp /nowhere", place.At("/none/pkg/soft"));
    EXPECT_EQ("file 644 0:0 clamp 2", place.At("/none/name \xff"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/none/pkg"));
    EXPECT_EQ("nothing", place.At("/none/dev"));
  });
}

TEST_F(CopierTest, AddCopiesWhatIsNoArchive) {
  RUN_HERE([](Workplace& place) {
    place.extract = true;
    const std::string packed = Compressed("just text", "gzip");
    place.File("notes.gz", packed);
    ASSERT_OK(place.Run("/notes.gz"));
    EXPECT_EQ("file 640 0:0 clamp " + packed, place.At("/notes.gz"));
  });
}

TEST_F(CopierTest, WorkdirMakesWhatIsMissing) {
  RUN_HERE([](Workplace& place) {
    v1::Workdir workdir;
    workdir.set_path("/etc/app/data");
    workdir.set_user("app");
    ASSERT_OK(ExecuteWorkdir(workdir, place.root, kClamp));
    EXPECT_EQ("directory 755 1000:1001 clamp", place.At("/etc/app"));
    EXPECT_EQ("directory 755 1000:1001 clamp", place.At("/etc/app/data"));
    ASSERT_OK(ExecuteWorkdir(workdir, place.root));
    workdir.set_path("/etc/passwd");
    EXPECT_EQ("/etc/passwd is not a directory", ExecuteWorkdir(workdir, place.root).message());
  });
}

// ---- exports ----------------------------------------------------------------------------------------

struct Producer {
  explicit Producer(const std::string& folder) : root(folder + "/producer") {
    EXPECT_OK(MakeFolders(root + "/usr/lib/deep"));
    EXPECT_OK(WriteFileAtomic(root + "/usr/lib/one.so", "1"));
    EXPECT_OK(WriteFileAtomic(root + "/usr/lib/two.so", "2"));
    EXPECT_OK(WriteFileAtomic(root + "/usr/lib/deep/three.txt", "3", 0600));
    EXPECT_EQ(0, chown((root + "/usr/lib/one.so").c_str(), 7, 8));
    EXPECT_EQ(0, link((root + "/usr/lib/one.so").c_str(), (root + "/usr/lib/deep/same").c_str()));
    EXPECT_EQ(0, symlink("usr/lib", (root + "/lib").c_str()));
    EXPECT_EQ(0, symlink("../one.so", (root + "/usr/lib/deep/link").c_str()));
    EXPECT_EQ(0, symlink("/../../outside", (root + "/escape").c_str()));
    for (const char* path :
         {"/usr/lib/one.so", "/usr/lib/two.so", "/usr/lib/deep/three.txt", "/usr/lib/deep", "/usr/lib"}) {
      EXPECT_OK(SetMtime(root + path, kClamp - 100));
    }
  }
  static v1::Export Wanted(std::string_view pattern) {
    v1::Export wanted;
    wanted.set_pattern(std::string(pattern));
    return wanted;
  }
  absl::Status CopyTo(Workplace& place, const v1::Export& wanted, std::string_view destination) {
    auto blob = MakeExport(wanted, root, *place.blobs);
    if (!blob.ok()) return blob.status();
    v1::CopySource* source = place.copy.add_sources();
    *source->mutable_export_()->mutable_export_() = wanted;
    ToProto(*blob, source->mutable_export_()->mutable_blob());
    const absl::Status status = place.Run(destination);
    place.copy.clear_sources();
    return status;
  }
  // Paths in the export's tar.
  static std::vector<std::string> Paths(BlobStore& blobs, const Digest& blob) {
    const std::string bytes = blobs.Get(blob).value_or("");
    layer::TarReader reader(layer::SourceOf(bytes));
    std::vector<std::string> paths;
    for (auto entry = reader.Next(); entry.ok() && entry->has_value(); entry = reader.Next()) {
      paths.push_back((*entry)->path);
    }
    return paths;
  }
  std::string root;
};

using Paths = std::vector<std::string>;

TEST_F(CopierTest, ExportOfADirectoryKeepsOwnersTimesAndLinks) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    ASSERT_OK(producer.CopyTo(place, Producer::Wanted("/lib"), "/opt/lib"));
    EXPECT_EQ(fmt::format("file 644 7:8 {} 1", kClamp - 100), place.At("/opt/lib/one.so"));
    EXPECT_EQ(fmt::format("directory 755 0:0 {}", kClamp - 100), place.At("/opt/lib/deep"));
    EXPECT_EQ("directory 755 0:0 clamp", place.At("/opt/lib"));
    struct stat first, second;
    ASSERT_EQ(0, stat((place.root + "/opt/lib/one.so").c_str(), &first));
    ASSERT_EQ(0, stat((place.root + "/opt/lib/deep/same").c_str(), &second));
    EXPECT_EQ(first.st_ino, second.st_ino);
    // With the time it has there: the layer clamps it.
    const std::string link = place.At("/opt/lib/deep/link");
    EXPECT_TRUE(link.starts_with("symlink 777 0:0 ")) << link;
    EXPECT_EQ(link.find("clamp"), std::string::npos) << link;
    EXPECT_NE(link.find(" ../one.so"), std::string::npos) << link;
  });
}

TEST_F(CopierTest, ExportByPatternGoesIntoTheDestination) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    ASSERT_OK(producer.CopyTo(place, Producer::Wanted("/lib/*.so"), "/opt/"));
    EXPECT_TRUE(place.At("/opt/two.so").starts_with("file 644 0:0")) << place.At("/opt/two.so");
    ASSERT_OK(producer.CopyTo(place, Producer::Wanted("/usr/lib/one.s?"), "/renamed"));
    EXPECT_TRUE(place.At("/renamed").starts_with("file 644 7:8")) << place.At("/renamed");
  });
}

TEST_F(CopierTest, ExportHasTheDocumentedForm) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    auto paths = [&](v1::Export wanted) {
      auto blob = MakeExport(wanted, producer.root, *place.blobs);
      EXPECT_OK(blob);
      return blob.ok() ? Producer::Paths(*place.blobs, *blob) : Paths();
    };
    EXPECT_EQ((Paths{"0", "0/one.so", "1", "1/two.so"}), paths(Producer::Wanted("/usr/*/*.so")));
    EXPECT_EQ((Paths{"0", "0/deep", "0/deep/link", "0/deep/same", "0/deep/three.txt"}),
              paths(Producer::Wanted("/lib/deep/")));
    v1::Export parents = Producer::Wanted("/usr/./lib/*.so");
    parents.set_parents(true);
    EXPECT_EQ((Paths{"0", "0/lib", "0/lib/one.so", "1", "1/lib", "1/lib/two.so"}), paths(parents));
    v1::Export excluding = Producer::Wanted("/usr/lib");
    excluding.add_excludes("**/*.txt");
    excluding.add_excludes("*.so");
    EXPECT_EQ((Paths{"0", "0/lib", "0/lib/deep", "0/lib/deep/link", "0/lib/deep/same"}), paths(excluding));
    EXPECT_EQ("0/rootfs", paths(Producer::Wanted("/"))[1]);
    // As in the context: only --parents knows `**`.
    EXPECT_EQ(Paths(), paths(Producer::Wanted("/**/*.txt")));
    EXPECT_EQ((Paths{"0", "0/three.txt"}), paths(Producer::Wanted("/**/**/**/*.txt")));
    parents = Producer::Wanted("/usr/./**/*.txt");
    parents.set_parents(true);
    EXPECT_EQ((Paths{"0", "0/lib", "0/lib/deep", "0/lib/deep/three.txt"}), paths(parents));
  });
}

// What an export notes: "tree:PATH", "folder:PATH", "link:PATH", "search:FOLDER:PATTERN".
std::set<std::string> Noted(Workplace& place, const Producer& producer, const v1::Export& wanted) {
  v1::ExportedPaths paths;
  EXPECT_OK(MakeExport(wanted, producer.root, *place.blobs, {}, &paths));
  std::set<std::string> noted;
  for (const std::string& tree : paths.trees()) noted.insert("tree:" + tree);
  for (const std::string& folder : paths.folders()) noted.insert("folder:" + folder);
  for (const std::string& link : paths.links()) noted.insert("link:" + link);
  for (const v1::ExportedPaths::Search& search : paths.searches()) {
    noted.insert("search:" + search.folder() + ":" + search.pattern());
  }
  return noted;
}

TEST_F(CopierTest, ExportNotesWhereItsBytesAre) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    const auto link = [&](const char* target, const char* path) {
      EXPECT_EQ(0, symlink(target, (producer.root + path).c_str()));
    };
    link("one.so", "/usr/lib/current");
    link("/lib/current", "/chain");
    link("../lib", "/usr/again");
    link("deep", "/usr/lib/deeper");
    const auto noted = [&](const char* pattern) { return Noted(place, producer, Producer::Wanted(pattern)); };
    using Set = std::set<std::string>;
    EXPECT_EQ((Set{"tree:usr/lib/deep"}), noted("/usr/lib/deep/"));
    EXPECT_EQ((Set{"tree:usr/lib/one.so", "link:lib", "link:usr/lib/current"}), noted("/lib/current"));
    EXPECT_EQ((Set{"tree:usr/lib/one.so", "link:chain", "link:lib", "link:usr/lib/current"}),
              noted("/chain"));
    EXPECT_EQ((Set{"tree:usr/lib", "link:lib", "link:usr/again"}), noted("/usr/again/"));
    EXPECT_EQ((Set{"tree:"}), noted("/"));
    // A link in what is copied is copied itself.
    EXPECT_EQ((Set{"tree:usr"}), noted("/usr"));
    const Set libraries = {"search:usr/lib:*.so", "tree:usr/lib/one.so", "tree:usr/lib/two.so"};
    EXPECT_EQ(libraries, noted("/usr/lib/*.so"));
    Set behind = libraries;
    behind.insert("link:lib");
    EXPECT_EQ(behind, noted("/lib/*.so"));
    EXPECT_EQ((Set{"search:usr/lib:c*", "link:usr/lib/current", "tree:usr/lib/one.so"}),
              noted("/usr/lib/c*"));
    EXPECT_EQ((Set{"search:usr/lib:*.none"}), noted("/usr/lib/*.none"));
  });
}

TEST_F(CopierTest, ExportNotesTheFoldersThatParentsKeeps) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    v1::Export wanted = Producer::Wanted("/lib/./deep/three.txt");
    wanted.set_parents(true);
    EXPECT_EQ((std::set<std::string>{"folder:usr/lib/deep", "link:lib", "tree:usr/lib/deep/three.txt"}),
              Noted(place, producer, wanted));
  });
}

TEST_F(CopierTest, ExportOfNothingIsNotFound) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    for (const char* pattern : {"/missing", "/usr/lib/one.so/x", "/escape"}) {
      const auto blob = MakeExport(Producer::Wanted(pattern), producer.root, *place.blobs);
      EXPECT_TRUE(absl::IsNotFound(blob.status())) << pattern << blob.status();
    }
  });
}

TEST_F(CopierTest, ExportOfAPatternMayBeEmpty) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    const auto blob = MakeExport(Producer::Wanted("/usr/*.py"), producer.root, *place.blobs);
    EXPECT_OK(blob);
  });
}

TEST_F(CopierTest, ExportDigestIsThatOfTheGolden) {
  HoldGoldens(std::string(CROSSMILL_GOLDEN_FOLDER) + "/exports");
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    for (const char* path : {"/usr/lib/deep/link", "/usr/lib/deep", "/usr/lib"}) {
      ASSERT_OK(SetMtime(producer.root + path, kClamp - 100));
    }
    const auto blob = MakeExport(Producer::Wanted("/usr/lib"), producer.root, *place.blobs);
    ASSERT_OK(blob);
    ExpectGolden(std::string(CROSSMILL_GOLDEN_FOLDER) + "/exports", "usr-lib.digest", blob->Oci() + "\n");
  });
}

TEST_F(CopierTest, ExportWithParentsMerges) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    v1::Export wanted = Producer::Wanted("/usr/./lib/deep");
    wanted.set_parents(true);
    place.copy.set_parents(true);
    ASSERT_OK(producer.CopyTo(place, wanted, "/etc/out"));
    EXPECT_TRUE(place.At("/etc/out/lib/deep/three.txt").starts_with("file 600 0:0"));
    EXPECT_TRUE(place.At("/etc/out/lib").starts_with("directory 755 0:0"));
  });
}

TEST_F(CopierTest, ExportWithParentsKeepsTheFoldersInBetween) {
  RUN_HERE([](Workplace& place) {
    Producer producer(place.root + "/..");
    ASSERT_EQ(0, chmod((producer.root + "/usr/lib").c_str(), 0750));
    ASSERT_EQ(0, chown((producer.root + "/usr/lib/deep").c_str(), 7, 8));
    ASSERT_OK(SetMtime(producer.root + "/usr/lib/deep", kClamp - 100));
    v1::Export wanted = Producer::Wanted("/usr/./lib/deep/three.txt");
    wanted.set_parents(true);
    place.copy.set_parents(true);
    ASSERT_OK(producer.CopyTo(place, wanted, "/out"));
    EXPECT_TRUE(place.At("/out/lib").starts_with("directory 750 0:0")) << place.At("/out/lib");
    EXPECT_EQ(fmt::format("directory 755 7:8 {}", kClamp - 100), place.At("/out/lib/deep"));
    EXPECT_TRUE(place.At("/out/lib/deep/three.txt").starts_with("file 600 0:0"));
    // The pivot itself: what is in it.
    wanted = Producer::Wanted("/usr/lib/deep/./");
    wanted.set_parents(true);
    ASSERT_OK(producer.CopyTo(place, wanted, "/pivot"));
    EXPECT_TRUE(place.At("/pivot/three.txt").starts_with("file 600 0:0")) << place.At("/pivot/three.txt");
  });
}

}  // namespace
}  // namespace crossmill::worker
