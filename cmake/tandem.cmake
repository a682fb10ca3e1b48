# Build rules shared by all folders: flags, ccache, mold, and one function a kind of target.

set(TANDEM_FOLDERS
    src/base src/sip src/sdp src/sip/transaction src/sip/dialog src/rtp src/stun src/audio src/model
    src/store src/routing src/scenario
    src/cluster src/ports src/wire src/border src/call
    src/roles/sip_gate src/roles/external_sip_gate src/roles/registrar src/roles/b2bua src/roles/media_gate
    src/roles/media_gate_controller src/roles/call_state src/roles/store src/roles/web_gate src/roles/host
    src/runtime src/sim src/app tests bench)

option(TANDEM_SANITIZE "address;undefined or thread, empty for none" "")
option(TANDEM_FUZZERS "build libFuzzer targets (needs clang)" OFF)
option(TANDEM_TESTS "build the tests (needs GoogleTest)" ON)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
    add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer)
include_directories(${CMAKE_SOURCE_DIR}/src)

if(TANDEM_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
    add_link_options(-fsanitize=address,undefined)
elseif(TANDEM_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
endif()
if(TANDEM_FUZZERS)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
if(TANDEM_TESTS)
    find_package(GTest REQUIRED)
endif()

# The fuzzers, so that tools/fuzz.sh can build and list them: lines "program subject".
add_custom_target(fuzzers)
file(WRITE ${CMAKE_BINARY_DIR}/fuzzers.txt "")

# Drops from the list named by `list` the files of subfolders that are targets of their own.
function(tandem_own_files list)
    set(own "")
    foreach(file IN LISTS ${list})
        get_filename_component(folder ${file} DIRECTORY)
        while(NOT folder STREQUAL CMAKE_CURRENT_SOURCE_DIR AND NOT EXISTS ${folder}/CMakeLists.txt)
            get_filename_component(folder ${folder} DIRECTORY)
        endwhile()
        if(folder STREQUAL CMAKE_CURRENT_SOURCE_DIR)
            list(APPEND own ${file})
        endif()
    endforeach()
    set(${list} ${own} PARENT_SCOPE)
endfunction()

# tandem_library(NAME sources... DEPS targets...)
# Makes the static library NAME of this folder's sources. Each *_test.cc beside them joins the test
# program NAME_tests; each X_fuzz.cc becomes the program NAME_X_fuzz: under clang with TANDEM_FUZZERS a
# libFuzzer target, otherwise a program that replays the files of tests/corpus/X, run by ctest.
function(tandem_library name)
    cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
    if(ARG_UNPARSED_ARGUMENTS)
        add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
        target_link_libraries(${name} PUBLIC ${ARG_DEPS})
        set(self ${name})
    else()
        set(self ${ARG_DEPS})
    endif()
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS *_test.cc)
    tandem_own_files(tests)
    if(tests AND TANDEM_TESTS)
        add_executable(${name}_tests ${tests})
        target_link_libraries(${name}_tests PRIVATE ${self} GTest::gtest GTest::gtest_main)
        add_test(NAME ${name} COMMAND ${name}_tests --gtest_brief=1
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
    endif()
    file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS *_fuzz.cc)
    tandem_own_files(fuzzers)
    foreach(file IN LISTS fuzzers)
        get_filename_component(stem ${file} NAME_WE)
        string(REGEX REPLACE "_fuzz$" "" subject ${stem})
        set(program ${name}_${stem})
        if(TANDEM_FUZZERS)
            add_executable(${program} ${file})
            target_link_options(${program} PRIVATE -fsanitize=fuzzer)
            add_dependencies(fuzzers ${program})
            file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
            file(APPEND ${CMAKE_BINARY_DIR}/fuzzers.txt "${folder}/${program} ${subject}\n")
        elseif(TANDEM_TESTS)
            add_executable(${program} ${file} ${CMAKE_SOURCE_DIR}/tests/corpus/replay.cc)
            add_test(NAME corpus_${subject}
                     COMMAND ${program} ${CMAKE_SOURCE_DIR}/tests/corpus/${subject})
            set_tests_properties(corpus_${subject} PROPERTIES LABELS corpus TIMEOUT 120)
        endif()
        if(TARGET ${program})
            target_link_libraries(${program} PRIVATE ${self})
        endif()
    endforeach()
endfunction()
