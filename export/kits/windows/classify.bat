@echo off
rem Classifies images of cells. Drag a folder of images, or the images themselves, onto this file.
setlocal EnableExtensions DisableDelayedExpansion
chcp 65001 >nul
title edgewbc: classify
set "EDGEWBC_HERE=%~dp0"
set "EDGEWBC_PYTHON=%~dp0venv\Scripts\python.exe"
if not exist "%EDGEWBC_PYTHON%" set "EDGEWBC_PYTHON=%LOCALAPPDATA%\edgewbc\kit\venv\Scripts\python.exe"
if not exist "%EDGEWBC_PYTHON%" (
  echo Not installed on this PC yet: double-click install.bat first.
  echo.
  if not defined EDGEWBC_NO_PAUSE pause
  exit /b 2
)
rem Explorer quotes a dropped name only if there is a space in it, so cmd cuts a name such as R&D in two before this
rem file sees it. CMDCMDLINE is the line as Explorer wrote it; delayed expansion hands it over untouched, and
rem classify.py takes it apart.
setlocal EnableDelayedExpansion
set "EDGEWBC_LINE=!CMDCMDLINE!"
set "EDGEWBC_REST=!EDGEWBC_LINE:%~nx0=!"
if "!EDGEWBC_REST!"=="!EDGEWBC_LINE!" goto typed
set "EDGEWBC_REST="
"!EDGEWBC_PYTHON!" -I -X utf8 "!EDGEWBC_HERE!files\classify.py"
set "EDGEWBC_CODE=!ERRORLEVEL!"
echo.
if not defined EDGEWBC_NO_PAUSE pause
rem Not exit /b: what cmd cut off behind a & in a name would be run as a command.
exit !EDGEWBC_CODE!

:typed
endlocal
"%EDGEWBC_PYTHON%" -I -X utf8 "%EDGEWBC_HERE%files\classify.py" %*
exit /b %ERRORLEVEL%
