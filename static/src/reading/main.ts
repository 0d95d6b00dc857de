/** The reading room. */
import '../common/theme.css';
import '../common/theme';
