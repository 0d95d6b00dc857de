import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const markup = 'Text from a file or a person never becomes markup; render it with Preact.';

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**'] },
  js.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}', 'vite.config.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn', 'error'] }],
      'no-eval': 'error',
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: markup },
        { property: 'outerHTML', message: markup },
        { property: 'insertAdjacentHTML', message: markup },
        { property: 'randomUUID', message: 'Only secure pages have it; uuid() of common/uuid.ts is there always.' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: markup },
        { selector: 'JSXAttribute[name.name="style"] > Literal', message: 'The page policy forbids style attributes.' },
      ],
    },
  },
  {
    // The floors of static/: the shell stays small and never loads the viewer; common knows neither.
    files: ['src/shell/**', 'src/common/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@cornerstonejs/*', 'dicom-parser', '**/reading/**'], message: 'Only src/reading loads the viewer.' }] },
      ],
    },
  },
  {
    // The page of a link stands on its own: of the reading room only what knows nothing of the viewer.
    files: ['src/shared-link/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@cornerstonejs/*', 'dicom-parser', '**/shell/**', '**/reading/viewport/**', '**/reading/panels/**', '**/reading/control/room*'], message: 'The page of a link never loads the viewer.' }] },
      ],
    },
  },
  {
    files: ['src/common/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@cornerstonejs/*', '**/reading/**', '**/shell/**'], message: 'common is below shell and reading.' }] },
      ],
    },
  },
  { files: ['scripts/**', 'eslint.config.js'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
);
