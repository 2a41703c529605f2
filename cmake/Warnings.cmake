# One list of warnings for all that we build.
function(rnl_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wformat=2 -Wformat-signedness -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wundef -Wvla -Wwrite-strings $<$<BOOL:${RUNNEL_WERROR}>:-Werror>)
  if(CMAKE_C_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE -Wno-format-signedness -Wno-unknown-warning-option
      -Wno-gnu-zero-variadic-macro-arguments)
  endif()
endfunction()
