# How targets are declared. One static library per folder; adding a source file is one line in its
# folder's CMakeLists.txt, adding a test is no line at all (tests are globbed, so none is lost).

add_library(crossmill_options INTERFACE)
target_compile_options(crossmill_options INTERFACE -Wall -Wextra -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms on std::string's operator+ when optimised (GCC bug 105651).
  target_compile_options(crossmill_options INTERFACE -Wno-restrict)
endif()
target_include_directories(crossmill_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(crossmill_options INTERFACE CROSSMILL_VERSION="${PROJECT_VERSION}")

# With CROSSMILL_UNITY the sources of a target are compiled in groups of up to 24: the headers that they share are read
# once per group, which takes longer than what most sources add (30 sources: 47 s of a processor and 1.3 GB in one group,
# 78 s in four). A build after a small change is slower, so it is not
# the default; scripts that begin with an empty folder turn it on. Everything must compile either way: each source
# includes what it needs, and names in anonymous namespaces are unique in their folder.
option(CROSSMILL_UNITY "Compile sources in groups: the fastest way from nothing" OFF)

function(crossmill_group_sources name)
  if(NOT CROSSMILL_UNITY)
    return()
  endif()
  # Groups of equal size, so that all processors have work to the end.
  list(LENGTH ARGN count)
  math(EXPR groups "(${count} + 23) / 24")
  math(EXPR size "(${count} + ${groups} - 1) / ${groups}")
  set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # The compiler takes anonymous namespaces of all sources but the first of a group for those of headers.
    target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()

# crossmill_library(NAME SOURCES file... [DEPS target...])
function(crossmill_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC crossmill_options ${ARG_DEPS})
  crossmill_group_sources(${name} ${ARG_SOURCES})
endfunction()

# For sources with coroutines of Boost.Asio.
function(crossmill_uses_coroutines name)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # A false alarm about the frames of coroutines, which Asio allocates and frees itself.
    target_compile_options(${name} PRIVATE -Wno-mismatched-new-delete)
  elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 15)
    # It has coroutines, but does not say so in the way that the standard library and Asio ask for.
    target_compile_options(${name} PRIVATE -Wno-builtin-macro-redefined -D__cpp_impl_coroutine=201902L)
    target_compile_definitions(${name} PRIVATE BOOST_ASIO_HAS_STD_COROUTINE BOOST_ASIO_HAS_CO_AWAIT)
    # It cannot split a coroutine that begins with what this sanitizer puts there.
    target_compile_options(${name} PRIVATE -fno-sanitize=function)
  endif()
endfunction()

# crossmill_program(NAME SOURCES file... DEPS target...): a binary in build/<preset>/bin.
function(crossmill_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# A process that begins under the sanitizers takes longer than most test cases. Tests that enter namespaces stay by case:
# what they have become cannot write its results.
option(CROSSMILL_TESTS_BY_PROGRAM "One ctest entry per test binary instead of one per test case" OFF)

# crossmill_test(NAME DEPS target... [LABELS label...] [TIMEOUT seconds] [NO_LEAK_CHECK]): every *_test.cc in
# the calling folder becomes one test binary, and that one ctest entry per test case. NO_LEAK_CHECK: the leak
# sanitizer cannot run in the namespaces that the tests enter.
function(crossmill_test name)
  cmake_parse_arguments(ARG "NO_LEAK_CHECK" "TIMEOUT" "DEPS;LABELS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc)
  if(NOT sources)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${sources})
  crossmill_group_sources(${name} ${sources})
  # Tests are compiled more often than they run.
  target_compile_options(${name} PRIVATE -O0)
  if(CROSSMILL_FUZZERS)
    # Their own code needs no fuzzer's coverage, and its undefined behaviour is nobody's: a third of the compiler's time.
    target_compile_options(${name} PRIVATE -fno-sanitize=undefined,fuzzer-no-link)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} crossmill_test_support GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    CROSSMILL_GOLDEN_FOLDER="${CMAKE_SOURCE_DIR}/tests/golden"
    CROSSMILL_SOURCE_FOLDER="${CMAKE_SOURCE_DIR}"
    CROSSMILL_BINARY_FOLDER="${CMAKE_BINARY_DIR}/bin")
  if(CROSSMILL_TESTS_BY_PROGRAM AND NOT ARG_NO_LEAK_CHECK)
    # Those that were not built are left out, as scripts/test_functions.sh does with test cases.
    set(declaration ${CMAKE_CURRENT_BINARY_DIR}/${name}_program.cmake)
    file(GENERATE OUTPUT ${declaration} CONTENT "if(EXISTS \"$<TARGET_FILE:${name}>\")
  add_test(${name} \"$<TARGET_FILE:${name}>\")
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS \"${ARG_LABELS}\")
endif()
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${declaration})
    return()
  endif()
  set(environment)
  if(ARG_NO_LEAK_CHECK)
    set(environment ENVIRONMENT "ASAN_OPTIONS=detect_leaks=0:abort_on_error=1"
      ENVIRONMENT_MODIFICATION "GTEST_OUTPUT=unset:")
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ${environment})
endfunction()
