// The comparers of single formats. Internal to common/compare: each adds what differs to a Differences, at
// the part that is entered there. Bytes are whole contents; where one is not what its first bytes promise,
// the comparer says so by INVALID_ARGUMENT before it has added anything, and the caller compares bytes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/compare/formats/differences.h"

namespace crossmill::compare {

// Compares parts in turn: FileComparer::Compare.
using ComparePart =
    std::function<absl::Status(std::string_view name, std::string_view first, std::string_view second)>;

bool IsText(std::string_view bytes);
// Line by line. Lines that are the same in another order are one difference.
void CompareText(std::string_view first, std::string_view second, Differences* differences);
// Runs of bytes that differ; of different lengths only the first, and the lengths.
void CompareBytes(std::string_view first, std::string_view second, Differences* differences);

bool IsGzip(std::string_view bytes);
// Name of a compression whose stream begins so ("xz", "zstd", "bzip2"); empty: none.
std::string_view CompressionOf(std::string_view bytes);
// Header fields of gzip, then what is unpacked; streams that unpack to the same are a difference of the
// compressor.
absl::Status CompareCompressed(std::string_view format, std::string_view first, std::string_view second,
                               const ComparePart& compare_part, Differences* differences);

// "tar", "zip", "ar", "cpio"; empty: none.
std::string_view ArchiveOf(std::string_view bytes);
absl::Status CompareArchives(std::string_view format, std::string_view first, std::string_view second,
                             const ComparePart& compare_part, Differences* differences);

// What two zips differ in otherwise than in the names, contents and fields of members that libarchive tells;
// from index `told` on there is what was told of those. Where a directory cannot be read the comparison is
// incomplete if something was told, and else nothing is added.
void CompareZipDirectories(std::string_view first, std::string_view second, int told,
                           Differences* differences);

// What two tars differ in otherwise than in what libarchive tells of members, from index `told` on: pax
// records, other fields of headers, what stands behind the end. Of an ar what is in no member. As of zips.
absl::Status CompareTarRemains(std::string_view first, std::string_view second, int told,
                               const ComparePart& compare_part, Differences* differences);
void CompareArRemains(std::string_view first, std::string_view second, int told, Differences* differences);

// A compiled Python file by its first bytes; of Python 3.7 and later (PEP 552).
bool IsPyc(std::string_view path, std::string_view bytes);
void ComparePyc(std::string_view first, std::string_view second, Differences* differences);

// A coverage file of gcc (.gcno, .gcda).
bool IsGcov(std::string_view bytes);
void CompareGcov(std::string_view first, std::string_view second, Differences* differences);

bool IsElf(std::string_view bytes);
// Section by section, by name.
absl::Status CompareElf(std::string_view first, std::string_view second, Differences* differences);

// Certificates and keys in PEM, block by block.
bool IsPem(std::string_view bytes);
absl::Status ComparePem(std::string_view first, std::string_view second, Differences* differences);

bool IsPng(std::string_view bytes);
// Chunk by chunk.
absl::Status ComparePng(std::string_view first, std::string_view second, Differences* differences);

// Compiled messages of gettext (.mo), of either byte order.
bool IsGettext(std::string_view bytes);
// Header entry by header entry ("POT-Creation-Date"), then message by message.
absl::Status CompareGettext(std::string_view first, std::string_view second, Differences* differences);

// A compiled Java class; Mach-O files for several processors begin alike and are none.
bool IsJavaClass(std::string_view bytes);
// Constant by constant, or where they are not as many and of the same kinds by their values; then member by
// member, attribute by attribute, where references that mean the same only follow.
absl::Status CompareJavaClasses(std::string_view first, std::string_view second, Differences* differences);

// A program or library of Windows, or for UEFI (PE with its COFF header).
bool IsPe(std::string_view bytes);
// Time stamps and checksum of headers and directories, then section by section.
absl::Status ComparePe(std::string_view first, std::string_view second, Differences* differences);

bool IsSqlite(std::string_view bytes);
// Fields of the header, then row by row of each table; what is in no row page by page.
absl::Status CompareSqlite(std::string_view first, std::string_view second, Differences* differences);

}  // namespace crossmill::compare
