// Where a context came from, for the record: recipes without an image name are told apart by it
// (docs/formats.md, "The same recipe").
#pragma once

#include <string>
#include <string_view>

namespace crossmill::cli {

// "HOST:/folder": the folder alone is another one on every machine.
std::string OriginOfFolder(std::string_view absolute_folder);

}  // namespace crossmill::cli
