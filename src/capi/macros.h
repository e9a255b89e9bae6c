/** The version of this header; renkei_version() tells that of the library. */
#define RENKEI_VERSION "@VERSION@"
#define RENKEI_VERSION_MAJOR @MAJOR@
#define RENKEI_VERSION_MINOR @MINOR@
#define RENKEI_VERSION_PATCH @PATCH@

/** The version of this header as a number; renkei_version_number() tells that of the library. */
#define RENKEI_VERSION_NUMBER                                                                       \
    (RENKEI_VERSION_MAJOR * 1000000 + RENKEI_VERSION_MINOR * 1000 + RENKEI_VERSION_PATCH)

/** A length that says: up to the NUL. */
#define RENKEI_NTS SIZE_MAX

/** On functions of the library. Define RENKEI_STATIC to link the static library on Windows. */
#if defined(_WIN32) && !defined(RENKEI_STATIC)
#define RENKEI_API __declspec(dllimport)
#else
#define RENKEI_API
#endif

/** On functions whose status must be looked at. */
#if defined(RENKEI_NO_MUST_USE)
#define RENKEI_MUST_USE
#elif defined(_MSC_VER)
#define RENKEI_MUST_USE _Check_return_
#elif defined(__cplusplus) && __cplusplus >= 201703L
#define RENKEI_MUST_USE [[nodiscard]]
#elif defined(__GNUC__)
#define RENKEI_MUST_USE __attribute__((warn_unused_result))
#else
#define RENKEI_MUST_USE
#endif
