# rnl_plugin(NAME SOURCES a.c b.c LIBS PkgConfig::LIBPQ): a shared object with one symbol.
function(rnl_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_library(plugin_${name} MODULE ${arg_SOURCES})
  set_target_properties(plugin_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  target_compile_definitions(plugin_${name} PRIVATE _GNU_SOURCE)
  target_link_libraries(plugin_${name} PRIVATE runnel_sdk ${arg_LIBS})
  if(NOT (RUNNEL_SANITIZE AND CMAKE_C_COMPILER_ID STREQUAL "Clang"))
    target_link_options(plugin_${name} PRIVATE -Wl,-z,defs)
  endif()
  rnl_warnings(plugin_${name})
  install(TARGETS plugin_${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/runnel)
endfunction()
