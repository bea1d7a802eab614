@echo off
rem Installs edgewbc on this PC from this folder, without a network. Double-click it.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
title edgewbc: install
set "EDGEWBC_HERE=%~dp0"
set "EDGEWBC_PYTHON="
set "EDGEWBC_OPTION="
rem Nothing may be downloaded on the way: not by Python's launcher either.
set "PYTHON_MANAGER_AUTOMATIC_INSTALL=false"
set "PYLAUNCHER_ALLOW_INSTALL="
for %%V in (@PYTHONS@) do if not defined EDGEWBC_PYTHON (
  py -%%V -I -c "import sys" >nul 2>nul && set "EDGEWBC_PYTHON=py" && set "EDGEWBC_OPTION=-%%V"
)
if defined EDGEWBC_PYTHON goto install
python -I -c "import sys; sys.exit(sys.version_info[:2] not in [@VERSION_TUPLES@])" >nul 2>nul && set "EDGEWBC_PYTHON=python"
if defined EDGEWBC_PYTHON goto install
for %%D in (@COMPACT_PYTHONS@) do if not defined EDGEWBC_PYTHON (
  if exist "%LOCALAPPDATA%\Programs\Python\Python%%D\python.exe" set "EDGEWBC_PYTHON=%LOCALAPPDATA%\Programs\Python\Python%%D\python.exe"
)
if defined EDGEWBC_PYTHON goto install
echo NOT READY: this PC has no Python @PYTHONS_OR@ (64 bit).
echo @PYTHON_HELP@
set "EDGEWBC_CODE=2"
goto end

:install
"%EDGEWBC_PYTHON%" %EDGEWBC_OPTION% -I -X utf8 "%EDGEWBC_HERE%files\install.py"
set "EDGEWBC_CODE=%ERRORLEVEL%"

:end
echo.
if not defined EDGEWBC_NO_PAUSE pause
exit /b %EDGEWBC_CODE%
