# cmake --install with DESTDIR: what a package carries. Programs are installed where they are declared (taxgate_program).
# No program has a path compiled in that depends on the prefix; only the units name their program.
include(GNUInstallDirs)

# systemd and udev look below /usr (or /etc), not below /usr/local.
set(TAXGATE_UNIT_DIR ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
foreach(unit taxgated taxgate-keyd)
  file(READ systemd/${unit}.service text)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/systemd/${unit}.service)
  string(REPLACE "ExecStart=/usr/bin/" "ExecStart=${CMAKE_INSTALL_FULL_BINDIR}/" text "${text}")
  string(REPLACE "file:/usr/share/doc/" "file:${CMAKE_INSTALL_FULL_DATADIR}/doc/" text "${text}")
  file(WRITE ${CMAKE_BINARY_DIR}/install/${unit}.service "${text}")
  install(FILES ${CMAKE_BINARY_DIR}/install/${unit}.service DESTINATION ${TAXGATE_UNIT_DIR})
endforeach()
install(FILES systemd/taxgate.sysusers DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/sysusers.d RENAME taxgate.conf)
install(FILES systemd/taxgate.tmpfiles DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/tmpfiles.d RENAME taxgate.conf)
install(FILES systemd/taxgate-polkit.rules DESTINATION ${CMAKE_INSTALL_DATADIR}/polkit-1/rules.d RENAME 50-taxgate.rules)
install(FILES udev/60-taxgate.rules DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/udev/rules.d)
install(FILES udev/usb-devices.toml DESTINATION ${CMAKE_INSTALL_DATADIR}/taxgate)
install(FILES cli/taxgate.bash-completion DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME taxgate)

# Examples only: a package or a person makes the real file of them, and an upgrade touches neither.
set(TAXGATE_CONFIG_MODE PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES docs/taxgated.example.toml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/taxgate ${TAXGATE_CONFIG_MODE})
install(FILES docs/taxgate-keyd.example.toml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/taxgate
        RENAME keyd.example.toml ${TAXGATE_CONFIG_MODE})

file(GLOB TAXGATE_PAGES CONFIGURE_DEPENDS docs/*.md docs/openapi.json)
install(FILES README.md README.zh-CN.md CHANGELOG.md LICENSE NOTICE ${TAXGATE_PAGES} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/taxgate)
