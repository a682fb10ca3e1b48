# Every header compiles alone, so that including one never depends on what was included before it. Where
# x.cc stands beside x.h it includes x.h first (tools/tidy.py insists), and the build is the proof. The
# target `headers` compiles the others, one stamp file each; ninja does again only what changed.

function(tandem_headers_alone)
    file(GLOB_RECURSE headers RELATIVE ${CMAKE_SOURCE_DIR} CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*.h)
    set(stamps)
    foreach(header IN LISTS headers)
        string(REGEX REPLACE "h$" "cc" source ${header})
        if(EXISTS ${CMAKE_SOURCE_DIR}/${source})
            continue()
        endif()
        set(stamp ${CMAKE_BINARY_DIR}/headers/${header}.ok)
        get_filename_component(folder ${stamp} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(
            OUTPUT ${stamp}
            COMMAND ${CMAKE_CXX_COMPILER} -std=gnu++23 -fsyntax-only -Wall -Wextra -Werror
                    -Wno-missing-field-initializers
                    -I${CMAKE_SOURCE_DIR}/src -MD -MF ${stamp}.d -MT ${stamp}
                    -include ${CMAKE_SOURCE_DIR}/${header} -x c++ /dev/null
            COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
            DEPENDS ${header}
            DEPFILE ${stamp}.d
            COMMENT "header ${header}"
            VERBATIM)
        list(APPEND stamps ${stamp})
    endforeach()
    add_custom_target(headers DEPENDS ${stamps})
endfunction()
