// Addresses, credentials and the XML of answers: what is pure.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/bucket/answer_xml.h"
#include "common/bucket/bucket_address.h"
#include "common/bucket/credentials.h"
#include "tests/support/status_matchers.h"

namespace crossmill::bucket {
namespace {

TEST(BucketAddressTest, ByPathAtAnEndpointByHostAtAmazons) {
  auto own = ParseBucketAddress("s3://farm/builds/a b/", "http://127.0.0.1:9000/", "");
  ASSERT_OK(own);
  EXPECT_EQ(own->Text(), "s3://farm/builds/a b");
  EXPECT_EQ(own->Url(own->prefix + "x"), "http://127.0.0.1:9000/farm/builds/a%20b/x");
  EXPECT_EQ(own->Url(""), "http://127.0.0.1:9000/farm");
  auto amazon = ParseBucketAddress("s3://farm", "", "eu-west-3");
  ASSERT_OK(amazon);
  EXPECT_EQ(amazon->Text(), "s3://farm");
  EXPECT_EQ(amazon->Url("k"), "https://farm.s3.eu-west-3.amazonaws.com/k");
  EXPECT_EQ(amazon->Url(""), "https://farm.s3.eu-west-3.amazonaws.com/");
  // No certificate covers a name with a dot in front of the host.
  auto dotted = ParseBucketAddress("s3://my.farm", "", "eu-west-3");
  ASSERT_OK(dotted);
  EXPECT_EQ(dotted->Url("k"), "https://s3.eu-west-3.amazonaws.com/my.farm/k");
  auto host = ParseBucketAddress("s3://farm", "https://store.example:444", "", Addressing::kHost);
  ASSERT_OK(host);
  EXPECT_EQ(host->Authority(), "farm.store.example:444");
}

TEST(BucketAddressTest, WhatIsWrongIsSaid) {
  for (const char* place : {"farm", "s3://", "s3://Upper", "s3://ab", "s3://farm/../x", "s3://farm/a//b",
                            "s3://farm/./b", "s3://farm/a\nb"}) {
    const auto address = ParseBucketAddress(place, "http://h", "");
    EXPECT_TRUE(absl::IsInvalidArgument(address.status())) << place;
    EXPECT_NE(address.status().message().find(place), absl::string_view::npos) << address.status();
  }
  for (const char* endpoint : {"h:9000", "ftp://h", "http://h/path", "http://user:pw@h", "http://h?x"})
    EXPECT_TRUE(absl::IsInvalidArgument(ParseBucketAddress("s3://farm", endpoint, "").status())) << endpoint;
  EXPECT_TRUE(absl::IsInvalidArgument(ParseBucketAddress("s3://farm", "", "evil.example/x").status()));
}

TEST(BucketCredentialsTest, TheFileOfOtherTools) {
  const auto found = ParseCredentials(
      "# mine\n[other]\naws_access_key_id=no\n[default]\r\naws_access_key_id = AK\naws_secret_access_key= "
      "s/+=\n"
      "aws_session_token=t\n[later]\naws_secret_access_key=no\n");
  ASSERT_OK(found);
  EXPECT_EQ(found->key_id, "AK");
  EXPECT_EQ(found->secret, "s/+=");
  EXPECT_EQ(found->token, "t");
}

TEST(BucketCredentialsTest, ErrorsDoNotRepeatTheFile) {
  for (const char* text : {"", "aws_access_key_id=hushhush", "hushhush\n",
                           "aws_access_key_id=a\naws_secret_access_key=hush hush"}) {
    const auto found = ParseCredentials(text);
    EXPECT_TRUE(absl::IsInvalidArgument(found.status())) << text;
    EXPECT_EQ(found.status().message().find("hush"), absl::string_view::npos) << found.status();
  }
}

TEST(BucketCredentialsTest, AFileForEveryoneIsRefusedANewOneIsTaken) {
  auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("keys");
  const std::string text = "aws_access_key_id=A\naws_secret_access_key=S\n";
  ASSERT_OK(WriteFileAtomic(path, text, 0644));
  const CredentialSource source = CredentialsOfFile(path);
  EXPECT_TRUE(absl::IsFailedPrecondition(source().status())) << source().status();
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  ASSERT_OK(source());
  ASSERT_OK(WriteFileAtomic(path, "aws_access_key_id=B\naws_secret_access_key=S\n", 0600));
  EXPECT_EQ(source()->key_id, "B");
  EXPECT_TRUE(absl::IsNotFound(CredentialsOfFile(folder->Path("none"))().status()));
}

TEST(AnswerXmlTest, ElementsTextAndReferences) {
  const auto root = ParseXml(
      "\xEF\xBB\xBF<?xml version=\"1.0\"?>\n<!-- x --><s3:Error "
      "xmlns:s3='a>b'><Code>A&amp;B&#228;&#x20AC;</Code>"
      "<Empty/><Key a=\"1\"><![CDATA[<raw>]]></Key ></s3:Error>\n");
  ASSERT_OK(root);
  EXPECT_EQ(root->name, "Error");
  EXPECT_EQ(root->Text("Code"), "A&B\xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(root->Text("Key"), "<raw>");
  EXPECT_EQ(root->Text("Empty"), "");
  EXPECT_EQ(root->Text("None"), "");
}

TEST(AnswerXmlTest, WhatIsNoDocumentIsAnError) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  for (const std::string& text :
       {std::string(), std::string("<html"), std::string("<a>"), std::string("<a></b>"), std::string("<a/>x"),
        std::string("<a>&unknown;</a>"), std::string("<a>&#0;</a>"), std::string("<a>&#x110000;</a>"),
        std::string("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), std::string("<a><!DOCTYPE b></a>"),
        std::string("<a b='"), std::string("< a/>"), deep, std::string("not xml")}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseXml(text).status())) << text.substr(0, 60);
  }
}

TEST(AnswerXmlTest, WhatIsEscapedIsReadAgain) {
  const std::string odd = "\"a\" & <b> 'c'";
  const auto root = ParseXml("<r>" + EscapeXml(odd) + "</r>");
  ASSERT_OK(root);
  EXPECT_EQ(root->text, odd);
}

}  // namespace
}  // namespace crossmill::bucket
