// What COPY knows of the files it made: only what is a blob of the store as it is.
#include "worker/tree/known_contents.h"

#include "tests/worker/tree/workplace.h"
#include "worker/tree/copy_target.h"

namespace crossmill::worker {
namespace {

KnownContents CopyAndKnow(Workplace& place, std::string_view destination) {
  place.copy.set_destination(std::string(destination));
  for (v1::CopySource& source : *place.copy.mutable_sources()) source.set_extract(place.extract);
  KnownContents known;
  EXPECT_OK(ExecuteCopy(place.copy, place.root, kClamp, false, *place.blobs, {}, &known));
  // Whatever it says is so.
  for (const auto& [path, digest] : known) {
    EXPECT_EQ(DigestOf(ReadFile(place.root + "/" + path).value_or("unreadable")), digest) << path;
  }
  return known;
}

// One more source: a file of these bytes under this name.
void MoreFile(Workplace& place, std::string_view name, std::string_view content) {
  v1::CopySource* source = place.copy.add_sources();
  source->set_text("more");
  v1::ContextMatch* match = source->mutable_context()->add_matches();
  match->set_name(std::string(name));
  match->set_unix_mode(0640);
  ToProto(place.Put(content), match->mutable_file());
}

TEST_F(CopierTest, FilesOfTheContextAreKnown) {
  RUN_HERE([](Workplace& place) {
    place.File("a", "alpha");
    place.Folder("sub");
    EXPECT_EQ(CopyAndKnow(place, "/srv/"),
              (KnownContents{{"srv/a", DigestOf("alpha")}, {"srv/script", DigestOf("#!")}}));
  });
}

TEST_F(CopierTest, PathsAreThoseBehindLinks) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/real"));
    ASSERT_EQ(0, symlink("real", (place.root + "/link").c_str()));
    place.File("a", "alpha");
    EXPECT_EQ(CopyAndKnow(place, "/link/"), (KnownContents{{"real/a", DigestOf("alpha")}}));
    EXPECT_EQ(CopyAndKnow(place, "/"), (KnownContents{{"a", DigestOf("alpha")}}));
  });
}

TEST_F(CopierTest, WhatASecondSourceWritesCounts) {
  RUN_HERE([](Workplace& place) {
    place.File("a", "first");
    MoreFile(place, "a", "second");
    EXPECT_EQ(CopyAndKnow(place, "/srv/"), (KnownContents{{"srv/a", DigestOf("second")}}));
  });
}

TEST_F(CopierTest, AnInlineFileIsNotKnown) {
  RUN_HERE([](Workplace& place) {
    place.File("a", "first");
    v1::CopySource* source = place.copy.add_sources();
    source->set_text("<<a");
    source->mutable_inline_file()->set_name("a");
    source->mutable_inline_file()->set_content("inline");
    EXPECT_EQ(CopyAndKnow(place, "/srv/"), KnownContents());
    EXPECT_EQ(ReadFile(place.root + "/srv/a").value_or("gone"), "inline");
  });
}

TEST_F(CopierTest, OfHardLinksOnlyTheFirstIsKnown) {
  RUN_HERE([](Workplace& place) {
    place.HardLinks("sub", "");
    const KnownContents known = CopyAndKnow(place, "/srv");
    EXPECT_TRUE(place.SameFile("/srv/first", "/srv/zero"));
    EXPECT_EQ(known, (KnownContents{{"srv/first", DigestOf("shared")}, {"srv/alone", DigestOf("shared")}}));
  });
}

TEST_F(CopierTest, AFileOverAHardLinkLeavesTheOthersAsTheyAre) {
  RUN_HERE([](Workplace& place) {
    place.HardLinks("sub", "");
    MoreFile(place, "zero", "other");
    const KnownContents known = CopyAndKnow(place, "/srv/");
    EXPECT_EQ(known.at("srv/first"), DigestOf("shared"));
    EXPECT_EQ(known.at("srv/zero"), DigestOf("other"));
  });
}

TEST_F(CopierTest, LinkReplacesWhatIsInTheWay) {
  RUN_HERE([](Workplace& place) {
    ASSERT_OK(MakeFolders(place.root + "/srv/a"));
    place.copy.set_link(true);
    place.File("a", "first");
    MoreFile(place, "b", "second");
    EXPECT_EQ(CopyAndKnow(place, "/srv/"),
              (KnownContents{{"srv/a", DigestOf("first")}, {"srv/b", DigestOf("second")}}));
  });
}

TEST_F(CopierTest, AnArchiveMayHaveChangedAnything) {
  RUN_HERE([](Workplace& place) {
    std::unique_ptr<CopyTarget> target = *CopyTarget::Create(place.copy, place.root, kClamp, false);
    layer::TarEntry entry;
    entry.path = "a";
    entry.mode = 0644;
    entry.size = 5;
    ASSERT_OK(target->Add(SourceKind::kContext, entry, layer::SourceOf("alpha")));
    target->NoteContent("a", DigestOf("alpha"));
    EXPECT_EQ(target->known().size(), 1u);
    entry.path = "b";
    ASSERT_OK(target->AddExtracted(entry, layer::SourceOf("omega")));
    EXPECT_EQ(target->known(), KnownContents());
  });
}

}  // namespace
}  // namespace crossmill::worker
