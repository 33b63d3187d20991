// Files of a wheel that is installed, as its dist-info folder says. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace crossmill::compare {

// Whether the text of WHEEL has tags for any platform only ("py3-none-any").
bool IsForAnyPlatform(std::string_view wheel);

// Paths of the files that RECORD lists, as in a layer: `folder` is that which RECORD's folder is in
// ("usr/lib/python3.11/site-packages"; empty: the root). Paths that lead out of the root are left out.
std::vector<std::string> FilesOfRecord(std::string_view folder, std::string_view record);

}  // namespace crossmill::compare
